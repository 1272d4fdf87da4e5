"""Writes LanguageTokenizer/: small tokenizers in every layout that we read, and what their libraries make of hard texts.

Run by hand with tokenizers, transformers 5 and sentencepiece installed: python language_tokenizer.py. The Swift tests
only read the files.
"""

import io
import json
import pathlib
import shutil

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

here = pathlib.Path(__file__).parent / "LanguageTokenizer"
shutil.rmtree(here, ignore_errors=True)
here.mkdir()

corpus = [
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and "
    "polite answers to the user's questions.",
    "The image is one frame of a video that shows: a person is turning a box. Write one sentence, at most 50 words.",
    "A red ball is zigzagging on the grass, warm light from the left, close view.", "USER: ASSISTANT: describe the video",
    "café naïve über straße don't we're I'll it's 1234 5678", "東京 の 猫 が 座っている", "def f(x):\n    return x\n\n",
] * 3

texts = [
    "", " ", "  ", "a", " a", "a ", "A red ball is zigzagging on the grass", "hello   world", "\n", "a\nb", "\tx\t",
    "USER: <image>\nDescribe the video. ASSISTANT:", "<image>", "<s>", "a</s>b", "<s> a", "</s></s>", "<0x0A>", "<unk>",
    "▁", "▁▁a", "a▁b", " ▁ ", "café", "cafe\u0301", "\u212b \u00c5 A\u030a", "naïve", "ß ﬁ ½ ² ①", "東京の猫", "猫が 座っている",
    "🐼🎉", "👨‍👩‍👧‍👦 family", "\u200b zero", "\u00a0nbsp\u3000wide", "x" * 40, "don't we'll I'M you'RE", "12345 67 8",
    "  leading and trailing  ", "line\r\nline\n\n\nline", "a" + " " * 9 + "b", "한국어 हिन्दी العربية", "\x00\x7f\ufeff",
    "<IMAGE> < image > <image", "The assistant gives helpful answers.<image>Box", "𝒜𝓁𝓅𝒽𝒶", "e\u0301\u0302\u0323", "!!!...???",
    "mid<image> <image>dle", "zigzag-ging_box (red)",
]


def save(name, tokenizer):
    (here / name).mkdir()
    path = here / name / "tokenizer.json"
    tokenizer.save(str(path), pretty=False)
    return path


expected = {}


def record(name, encode, decode):
    ids = [encode(t) for t in texts]
    expected[name] = {"ids": ids, "texts": [decode(i) for i in ids], "partial": [decode(i[1:-1]) for i in ids]}


byte_tokens = [f"<0x{b:02X}>" for b in range(256)]


def llama(name, normalizer, pre_tokenizer, decoder, normalized=False, **options):
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trained.normalizer, trained.pre_tokenizer = normalizers.Replace(" ", "▁"), pre_tokenizers.Metaspace()
    trained.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=300, show_progress=False, limit_alphabet=70))
    model = json.loads(trained.to_str())["model"]
    vocabulary = {t: i for i, t in enumerate(["<unk>", "<s>", "</s>"] + byte_tokens)}
    for token in model["vocab"]:
        vocabulary.setdefault(token, len(vocabulary))
    # Signs that Swift takes for one: the two ways to write Å.
    for token in ["\u00c5", "\u212b"]:
        vocabulary.setdefault(token, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(
        vocabulary, [tuple(m) for m in model["merges"]], unk_token="<unk>", byte_fallback=True, fuse_unk=True, **options))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, pre_tokenizer, decoder
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=normalized, special=True) for t in ["<unk>", "<s>", "</s>"]])
    tokenizer.add_special_tokens([AddedToken("<image>", normalized=False, special=True)])
    save(name, tokenizer)
    record(name, lambda t: tokenizer.encode(t).ids, lambda i: tokenizer.decode(i))


steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
# As LLaVA-1.5's file has it, and as today's conversions write it.
llama(
    "legacy", normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None,
    decoders.Sequence(steps))
llama("first", None, pre_tokenizers.Metaspace("▁", "first", False), decoders.Sequence(steps))
llama(
    "split", normalizers.NFC(), pre_tokenizers.Metaspace("▁", "always", True), decoders.Metaspace("▁", "always", True),
    ignore_merges=True)


def byte_level(name, pattern):
    tokenizer = Tokenizer(models.BPE())
    if pattern:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tokenizer.normalizer = normalizers.NFC()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder, tokenizer.post_processor = decoders.ByteLevel(), processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=420, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.add_tokens([AddedToken("<image>", lstrip=True, rstrip=True, normalized=False)])
    save(name, tokenizer)
    record(name, lambda t: tokenizer.encode(t).ids, lambda i: tokenizer.decode(i))


byte_level("bytes", None)
byte_level(
    "qwen",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def piece(name, kind, **options):
    (here / name).mkdir()
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, model_type=kind, vocab_size=options.pop("size"),
        normalization_rule_name="identity", minloglevel=2, **options)
    (here / name / "tokenizer.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    # transformers looks for special tokens first, SentencePiece does not.
    special = {"<unk>", "<s>", "</s>"}
    used = [t for t in texts if not any(s in t for s in special)]
    ids = [[1] + processor.encode(t) for t in used]


    def decode(ids):
        # transformers leaves the unknown token out, as it is special.
        return processor.decode([i for i in ids if i != processor.unk_id()])

    expected[name] = {
        "inputs": used, "ids": ids, "texts": [decode(i[1:]) for i in ids], "partial": [decode(i[1:-1]) for i in ids]}


piece("pieces", "bpe", size=420, byte_fallback=True, remove_extra_whitespaces=False, character_coverage=0.98)
piece("unigram", "unigram", size=340, byte_fallback=True, remove_extra_whitespaces=False, character_coverage=0.98)
piece("plain", "bpe", size=150, character_coverage=0.98, user_defined_symbols=["<image>", "ball"])
(here / "expected.json").write_text(
    json.dumps({"texts": texts, "cases": expected}, separators=(",", ":")).replace('},"', '},\n"') + "\n")
