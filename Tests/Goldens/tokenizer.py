"""Writes Tokenizer/: a small byte-level BPE vocabulary in CLIP's file format, and what transformers makes of texts with it.

Run with transformers 5 installed: python tokenizer.py. The Swift tests only read the files.
"""

import json
import pathlib
import tempfile

from transformers import CLIPTokenizer

here = pathlib.Path(__file__).parent / "Tokenizer"
here.mkdir(exist_ok=True)

# Merges chosen so that words split in interesting ways; order is rank.
words = "the cat cats is sitting skating skateboarding red blue don we re ll it café naïve 東京 !! !!! ..".split()


def byte_symbols():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols, spare = {b: chr(b) for b in printable}, 256
    for byte in range(256):
        if byte not in symbols:
            symbols[byte], spare = chr(spare), spare + 1
    return symbols, printable + [b for b in range(256) if b not in printable]


symbols, order = byte_symbols()
merges = []
for word in words:
    pieces = [symbols[b] for b in word.encode()]
    pieces[-1] += "</w>"
    while len(pieces) > 1:
        pair = (pieces[0], pieces[1])
        if pair not in merges:
            merges.append(pair)
        pieces = ["".join(pair)] + pieces[2:]
merges += [("i", "n"), ("in", "g</w>"), ("s", "k"), ("a", "t</w>")]

vocabulary = [symbols[b] for b in order] + [symbols[b] + "</w>" for b in order]
vocabulary += list(dict.fromkeys("".join(m) for m in merges)) + ["<|startoftext|>", "<|endoftext|>"]
(here / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(vocabulary)}, ensure_ascii=False))
(here / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges))


def token(text):
    return {"content": text, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}


start, end = "<|startoftext|>", "<|endoftext|>"
maps = {
    # As ZeroScope has them: the special map wins over the configuration.
    "bang": {"bos_token": token(start), "eos_token": token(end), "unk_token": token(end), "pad_token": "!"},
    "end": {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": end},
}
configuration = {
    "tokenizer_class": "CLIPTokenizer", "model_max_length": 24, "pad_token": end, "do_lower_case": True,
    "add_prefix_space": False, "errors": "replace",
    "bos_token": token(start) | {"__type": "AddedToken"}, "eos_token": token(end) | {"__type": "AddedToken"},
    "unk_token": token(end) | {"__type": "AddedToken"},
}
(here / "tokenizer_config.json").write_text(json.dumps(configuration, indent=1) + "\n")
for name, special in maps.items():
    (here / f"special_tokens_map.{name}.json").write_text(json.dumps(special, indent=1) + "\n")

texts = [
    "", " ", "The cat is sitting", "A red cat, skateboarding.", "don't we're I'll it's", "naïve café — 東京 5678 3.14",
    "HELLO   World\n\ttab", "emoji 🐼🎉", "family 👨‍👩‍👧‍👦 flag 🇨🇭", "cafe\u0301 nai\u0308ve", "e\u0301\u0302\u0323 combining",
    "the cat!!! wow", "hello!world", "!", "!!", "a<|endoftext|>b <|startoftext|> c", "<|ENDOFTEXT|> upper", "< |endoftext| >",
    "İstanbul ΣΑΣ ß ﬁne ①②", "nbsp\u00a0and\u3000wide\u200bzero", "\u1680 ogham \u2028 line", "'S 'T 'RE ’s ‘re 'x", "٣٤ ½ Ⅷ x²",
    "tab\x00null \x7f del \ufeff bom", "한국어 हिन्दी ไทย العربية", "..... --- ,,, ?!? ~~~", "don'''t", "skating/skating_cat", "re'll've",
    " ".join(["cat"] * 100), "skateboarding " * 9, "x" * 90, "\u0344 \u2126 \u212b", "𝒜𝓁𝓅𝒽𝒶 \U0001f9d1\U0001f3fd‍🚀",
]
result = {"texts": texts}
for name, special in maps.items():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for file in ["vocab.json", "merges.txt", "tokenizer_config.json"]:
            (folder / file).write_bytes((here / file).read_bytes())
        (folder / "special_tokens_map.json").write_text(json.dumps(special))
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        result[name] = [tokenizer(t, padding="max_length", truncation=True).input_ids for t in texts]
(here / "expected.json").write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")).replace("],[", "],\n[") + "\n")
