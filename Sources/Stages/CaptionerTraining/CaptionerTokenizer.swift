import Foundation
import StageKit

/// A `tokenizer.json` in which each word of a small world is one token.
///
/// BPE as LLaMA's has it: words begin with a mark in the place of the space, and what is no token is spelt in bytes. All
/// merges go on from the mark, so in a word there is never more than one to do, and words cannot get into each other's
/// way.
struct CaptionerTokenizer {
    static let (unknown, start, end, image, pad) = ("<unk>", "<s>", "</s>", "<image>", "<pad>")
    static let (startID, endID) = (1, 2)
    private static let mark = "▁"

    /// Tokens in the order of their ids, but for the two that are added behind them.
    private let pieces: [String]
    /// Pairs, the first to be merged first.
    private let merges: [(String, String)]

    /// - Parameter words: what is to be one token, without spaces; order and repeats do not matter.
    init(words: some Sequence<String>) {
        let words = Set(words).subtracting([""]).sorted()
        let bytes = (0..<256).map { String(format: "<0x%02X>", $0) }
        let signs = Set(words.flatMap { $0.unicodeScalars.map(String.init) }).subtracting([Self.mark]).sorted()
        var merges: [(String, String)] = []
        var known: Set<String> = []
        for word in words {
            var front = Self.mark
            for sign in word.unicodeScalars {
                if known.insert(front + String(sign)).inserted { merges.append((front, String(sign))) }
                front += String(sign)
            }
        }
        self.merges = merges
        pieces =
            [Self.unknown, Self.start, Self.end] + bytes + [Self.mark] + signs + merges.map { $0.0 + $0.1 }
    }

    var imageID: Int { pieces.count }
    var padID: Int { pieces.count + 1 }
    /// How many ids there are.
    var count: Int { pieces.count + 2 }

    /// `tokenizer.json`, the same bytes for the same words.
    var file: String {
        let special = [(Self.unknown, 0), (Self.start, Self.startID), (Self.end, Self.endID)]
        let added = (special + [(Self.image, imageID), (Self.pad, padID)]).map { content, id in
            """
            {"id": \(id), "content": "\(content)", "single_word": false, "lstrip": false, "rstrip": false, \
            "normalized": false, "special": true}
            """
        }
        let vocabulary = pieces.enumerated().map { "\(Self.quoted($1)): \($0)" }
        let pairs = merges.map { "[\(Self.quoted($0.0)), \(Self.quoted($0.1))]" }
        return """
            {
              "version": "1.0",
              "truncation": null,
              "padding": null,
              "added_tokens": [
                \(added.joined(separator: ",\n    "))
              ],
              "normalizer": null,
              "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
              "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [
                  {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                  {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}
                ],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [\(Self.startID)], "tokens": ["<s>"]}}
              },
              "decoder": {
                "type": "Sequence",
                "decoders": [
                  {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                  {"type": "ByteFallback"}, {"type": "Fuse"},
                  {"type": "Strip", "content": " ", "start": 1, "stop": 0}
                ]
              },
              "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": "<unk>",
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": true,
                "byte_fallback": true,
                "ignore_merges": false,
                "vocab": {\(vocabulary.joined(separator: ", "))},
                "merges": [\(pairs.joined(separator: ", "))]
              }
            }

            """
    }

    /// `tokenizer_config.json`.
    func configuration(maximumLength: Int) -> String {
        """
        {
          "add_prefix_space": true,
          "bos_token": "<s>",
          "clean_up_tokenization_spaces": false,
          "eos_token": "</s>",
          "image_token": "<image>",
          "model_max_length": \(maximumLength),
          "pad_token": "<pad>",
          "padding_side": "left",
          "tokenizer_class": "PreTrainedTokenizerFast",
          "unk_token": "<unk>"
        }

        """
    }

    /// Writes both files.
    ///
    /// Throws what the disk throws.
    func write(to output: OutputFolder, maximumLength: Int) throws {
        try Data(file.utf8).write(to: output.file("tokenizer.json"))
        try Data(configuration(maximumLength: maximumLength).utf8).write(to: output.file("tokenizer_config.json"))
    }

    private static func quoted(_ token: String) -> String {
        "\"" + token.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
