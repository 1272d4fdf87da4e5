import Foundation
import Testing

@testable import Models

/// Ids that transformers gives, for a small vocabulary: Tests/Goldens/tokenizer.py wrote all of these files.
@Suite struct TokenizerTests {
    private struct Expected: Decodable {
        let texts: [String]
        let bang: [[Int]]
        let end: [[Int]]
    }

    private static let goldens = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Goldens/Tokenizer")

    /// A tokenizer folder with one of the two special token maps.
    private static func folder(_ map: String, without: [String] = []) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["vocab.json", "merges.txt", "tokenizer_config.json"] where !without.contains(name) {
            try FileManager.default.copyItem(at: goldens.appending(path: name), to: folder.appending(path: name))
        }
        try FileManager.default.copyItem(
            at: goldens.appending(path: "special_tokens_map.\(map).json"),
            to: folder.appending(path: "special_tokens_map.json"))
        return folder
    }

    private static func tokenizer(_ map: String) throws -> CLIPTokenizer {
        let folder = try folder(map)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try CLIPTokenizer(folder: folder)
    }

    private static func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(contentsOf: goldens.appending(path: "expected.json")))
    }

    @Test(arguments: ["bang", "end"])
    func `every text gives the ids of transformers`(_ map: String) throws {
        let tokenizer = try Self.tokenizer(map)
        let expected = try Self.expected()
        #expect(expected.texts.count > 30)
        for (text, ids) in zip(expected.texts, map == "bang" ? expected.bang : expected.end) {
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
        }
    }

    @Test func `a tokenizer.json alone gives the same`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tokenizer-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let vocabulary = try String(contentsOf: Self.goldens.appending(path: "vocab.json"), encoding: .utf8)
        let merges = try String(contentsOf: Self.goldens.appending(path: "merges.txt"), encoding: .utf8)
        let pairs = merges.split(separator: "\n").dropFirst().map { line in
            "[" + line.split(separator: " ").map { "\"\($0)\"" }.joined(separator: ", ") + "]"
        }
        let whole = """
            {"added_tokens": [
              {"id": 0, "content": "!", "normalized": false, "special": true},
              {"id": 571, "content": "<|startoftext|>", "normalized": true, "special": true},
              {"id": 572, "content": "<|endoftext|>", "normalized": true, "special": true}],
             "model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": \(vocabulary),
              "merges": [\(pairs.joined(separator: ", "))]}}
            """
        try Data(whole.utf8).write(to: folder.appending(path: "tokenizer.json"))
        let configuration = """
            {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "!",
             "model_max_length": 24}
            """
        try Data(configuration.utf8).write(to: folder.appending(path: "tokenizer_config.json"))
        let tokenizer = try CLIPTokenizer(folder: folder)
        let expected = try Self.expected()
        for (text, ids) in zip(expected.texts, expected.bang) {
            #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
        }
    }

    @Test func `the special token map wins over the configuration about the pad token`() throws {
        #expect(try Self.tokenizer("bang").padID == 0)
        #expect(try Self.tokenizer("end").padID == 572)
    }

    @Test func `a word maps to the span of its tokens`() throws {
        let tokenizer = try Self.tokenizer("bang")
        let text = "The red cat, is Skateboarding-xyz on blue"
        let verb = try #require(tokenizer.tokens(of: "skateboarding", in: text))
        let encoding = tokenizer.encoding(text)
        #expect(encoding.pieces.first?.tokens == 1..<2)
        #expect(encoding.pieces.first { $0.text == "skateboarding" }?.tokens == verb)
        #expect(tokenizer.tokens(of: "skateboarding-xyz", in: text)?.lowerBound == verb.lowerBound)
        #expect(tokenizer.tokens(of: "skate", in: text) == nil)
        #expect(tokenizer.tokens(of: "", in: text) == nil)
        // The content tokens of the pieces cover the content exactly.
        #expect(encoding.pieces.last?.tokens.upperBound == encoding.contentCount + 1)
        #expect(encoding.ids[encoding.contentCount + 1] == tokenizer.endID)
        #expect(!encoding.isTruncated)
    }

    @Test func `a word that was cut off has no span`() throws {
        let tokenizer = try Self.tokenizer("bang")
        let text = String(repeating: "cat ", count: 30) + "skating"
        let encoding = tokenizer.encoding(text)
        #expect(encoding.isTruncated)
        #expect(encoding.contentCount > 30)
        #expect(encoding.ids.count == 24)
        #expect(encoding.ids.last == tokenizer.endID)
        #expect(tokenizer.tokens(of: "skating", in: text) == nil)
        #expect(tokenizer.tokens(of: "cat", in: text) == 1..<2)
    }

    @Test func `an id that cannot be is an error that names the token`() throws {
        let folder = try Self.folder("end")
        defer { try? FileManager.default.removeItem(at: folder) }
        for id in ["-1", "9223372036854775807"] {
            try Data("{\"a\": 0, \"odd\": \(id)}".utf8).write(to: folder.appending(path: "vocab.json"))
            #expect {
                _ = try CLIPTokenizer(folder: folder)
            } throws: {
                "\($0)".contains("the token \"odd\" has an id")
            }
        }
    }

    @Test func `a missing merges file is an error that names it`() throws {
        let folder = try Self.folder("end", without: ["merges.txt"])
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect {
            _ = try CLIPTokenizer(folder: folder)
        } throws: {
            "\($0)".contains("merges.txt is missing")
        }
    }
}
