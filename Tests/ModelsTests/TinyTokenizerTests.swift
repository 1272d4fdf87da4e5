import Foundation
import Testing

@testable import Models

@Suite struct TinyTokenizerTests {
    private struct World: Decodable {
        let words: [String]
    }

    private func tokenizer() throws -> CLIPTokenizer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tiny-words-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try TinyModelSet.write(to: folder, seed: 1)
        return try CLIPTokenizer(folder: folder.appending(path: "tokenizer"))
    }

    @Test func `every word of the list is one token`() throws {
        let tokenizer = try tokenizer()
        for word in TinyTokenizer.words { #expect(tokenizer.encoding(word).contentCount == 1, "\(word)") }
    }

    /// Tests/Goldens/world.py wrote the list: whatever a caption of the procedural world may say.
    @Test func `every word of the procedural world is one token of its own`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Goldens/World/world.json")
        let words = try JSONDecoder().decode(World.self, from: Data(contentsOf: file)).words
        #expect(words.count == 95)
        let tokenizer = try tokenizer()
        #expect(Set(words.map { tokenizer.encode($0)[1] }).count == 95)
        for word in words { #expect(tokenizer.encoding(word).contentCount == 1, "\(word)") }
        #expect(tokenizer.encoding("a red ball is zigzagging under the sea").contentCount == 8)
    }
}
