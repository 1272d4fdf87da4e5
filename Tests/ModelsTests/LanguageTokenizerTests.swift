import Foundation
import Testing

@testable import Models

/// Ids and texts that tokenizers and sentencepiece give: Tests/Goldens/language_tokenizer.py wrote all of these files.
@Suite struct LanguageTokenizerTests {
    private struct Expected: Decodable {
        struct Case: Decodable {
            let inputs: [String]?
            let ids: [[Int]]
            let texts: [String]
            let partial: [String]
        }

        let texts: [String]
        let cases: [String: Case]
    }

    private static let goldens = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Goldens/LanguageTokenizer")

    private static func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(contentsOf: goldens.appending(path: "expected.json")))
    }

    @Test(arguments: ["legacy", "first", "split", "bytes", "qwen", "pieces", "unigram", "plain"])
    func `every text gives the ids of the reference, and they its text`(_ name: String) throws {
        let tokenizer = try LanguageTokenizer(folder: Self.goldens.appending(path: name))
        let all = try Self.expected()
        let expected = try #require(all.cases[name])
        let texts = expected.inputs ?? all.texts
        #expect(texts.count > 35)
        for (index, text) in texts.enumerated() {
            let ids = tokenizer.encode(text)
            #expect(ids == expected.ids[index], "\(text.debugDescription)")
            // Scalars, as Swift takes canonically equivalent texts for equal.
            func same(_ a: String, _ b: String) -> Bool { Array(a.unicodeScalars) == Array(b.unicodeScalars) }
            let decoded = tokenizer.decode(expected.ids[index])
            #expect(same(decoded, expected.texts[index]), "\(decoded.debugDescription) of \(text.debugDescription)")
            let part = expected.ids[index].dropFirst().dropLast()
            let partial = tokenizer.decode(Array(part))
            #expect(same(partial, expected.partial[index]), "\(partial.debugDescription) of \(text.debugDescription)")
        }
    }

    @Test func `tokens have ids, and ids that are none have no text`() throws {
        let tokenizer = try LanguageTokenizer(folder: Self.goldens.appending(path: "legacy"))
        #expect(tokenizer.prefix == [1] && tokenizer.id(of: "</s>") == 2 && tokenizer.id(of: "<image>") != nil)
        #expect(tokenizer.id(of: "no such token") == nil)
        #expect(tokenizer.id(of: "\u{c5}") != tokenizer.id(of: "\u{212b}"))
        #expect(tokenizer.decode([-1, 1 << 40, 1]) == "")
        #expect(tokenizer.decode([1, 2], skipsSpecialTokens: false).hasPrefix("<s></s>"))
        #expect(tokenizer.encode("a", addsSpecialTokens: false) == Array(tokenizer.encode("a").dropFirst()))
    }

    private func problem(_ name: String, _ data: Data) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try data.write(to: folder.appending(path: name))
        let error = #expect(throws: ModelsError.self) { try LanguageTokenizer(folder: folder) }
        return error.map { "\($0)" } ?? ""
    }

    @Test(arguments: [
        (#""end_of_word_suffix":null"#, #""end_of_word_suffix":"</w>""#, "`end_of_word_suffix` is \"</w>\""),
        (#""type":"BPE""#, #""type":"WordPiece""#, "`model` is WordPiece"),
        (#""type":"Prepend""#, #""type":"StripAccents""#, "`normalizer` is StripAccents"),
        (
            #""pre_tokenizer":null"#, #""pre_tokenizer":{"type":"BertPreTokenizer"}"#,
            "`pre_tokenizer` is BertPreTokenizer"
        ),
        (#""type":"Fuse""#, #""type":"CTC""#, "`decoder` is CTC"),
        (#""type":"TemplateProcessing""#, #""type":"BertProcessing""#, "`post_processor` is BertProcessing"),
        (#""single_word":false"#, #""single_word":true"#, "`single_word` is true"),
        (#""merges":["#, #""merges":[["a"],"#, "merge 0 is no pair"), (#""<s>":1"#, #""<s>":-1"#, "an id below 0"),
        (#"{"version""#, #"{{"version""#, "it is not JSON: a key is no text, at byte 1"),
    ])
    func `what a tokenizer.json asks for and we do not have is an error`(
        _ old: String, _ new: String, _ says: String
    ) throws {
        let file = Self.goldens.appending(path: "legacy/tokenizer.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let range = try #require(text.range(of: old), "no \(old)")
        let found = try problem("tokenizer.json", Data(text.replacingCharacters(in: range, with: new).utf8))
        #expect(found.contains(says) && found.contains("tokenizer.json"), "\(found)")
    }

    @Test func `a SentencePiece model that is cut off or of another kind is an error`() throws {
        let data = try Data(contentsOf: Self.goldens.appending(path: "pieces/tokenizer.model"))
        #expect(try problem("tokenizer.model", data.dropLast(7)).contains("it is no protobuf message"))
        #expect(try problem("tokenizer.model", Data()).contains("no piece is the unknown one"))
        // Fields that come again at the end win: the trainer's model_type, the normaliser's charsmap.
        #expect(try problem("tokenizer.model", data + [0x12, 2, 0x18, 4]).contains("`model_type` is CHAR"))
        let mapped = try problem("tokenizer.model", data + [0x1a, 8, 0x0a, 3, 0x61, 0x62, 0x63, 0x12, 1, 1])
        #expect(mapped.contains("`normalizer_spec` is abc"), "\(mapped)")
        #expect(try problem("other", Data()).contains("tokenizer.json is missing"))
    }

    @Test func `added tokens of a SentencePiece model come from the files beside it`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            at: Self.goldens.appending(path: "pieces/tokenizer.model"), to: folder.appending(path: "tokenizer.model"))
        try Data(#"{"<image>": 420}"#.utf8).write(to: folder.appending(path: "added_tokens.json"))
        try Data(#"{"add_bos_token": false, "add_eos_token": true}"#.utf8)
            .write(to: folder.appending(path: "tokenizer_config.json"))
        let tokenizer = try LanguageTokenizer(folder: folder)
        let (left, right) = (tokenizer.encode("a red"), tokenizer.encode("ball"))
        #expect(tokenizer.encode("a red<image>ball") == left.dropLast() + [420] + right)
        #expect(right.last == 2 && tokenizer.vocabularySize == 421)
        #expect(tokenizer.decode([420] + right) == "ball" || tokenizer.decode([420] + right) == " ball")
    }

    /// LLaMA's own vocabulary, where a machine has it: not a part of the repository.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["MOTRANS_LLAMA_TOKENIZER"] != nil))
    func `a real SentencePiece model`() throws {
        let path = ProcessInfo.processInfo.environment["MOTRANS_LLAMA_TOKENIZER"] ?? ""
        let tokenizer = try LanguageTokenizer(folder: URL(filePath: path, directoryHint: .isDirectory))
        struct Answers: Decodable { let texts: [String], ids: [[Int]] }
        let answers = try JSONDecoder().decode(
            Answers.self, from: Data(contentsOf: URL(filePath: path).appending(path: "expected.json")))
        for (text, ids) in zip(answers.texts, answers.ids) { #expect(tokenizer.encode(text) == ids, "\(text)") }
    }
}
