import Models
import Pretraining

/// Captions of the world to token ids, word by word: each of its words is one token.
struct WorldTokens: Sendable {
    /// The ids that such captions have, start, end and padding among them, in the order of the classes of a head that
    /// names tokens.
    let known: [Int]
    let startID: Int
    let endID: Int
    let padID: Int
    private let ids: [Substring: Int]
    private let classes: [Int: Int]

    init(_ tokenizer: CLIPTokenizer) {
        (startID, endID, padID) = (tokenizer.startID, tokenizer.endID, tokenizer.padID)
        ids = Dictionary(
            uniqueKeysWithValues: WorldVocabulary.words.map { word in
                let encoding = tokenizer.encoding(word)
                precondition(encoding.contentCount == 1, "'\(word)' of the world is \(encoding.contentCount) tokens")
                return (word[...], encoding.ids[1])
            })
        known = Set(Array(ids.values) + [startID, endID, padID]).sorted()
        classes = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1, $0) })
    }

    /// Start, words, end and padding up to the longest of some captions.
    ///
    /// A tokenizer pads on to its full length; since attention is causal, that changes nothing before.
    func encode(_ captions: [String]) -> [[Int]] {
        let rows = captions.map { caption in
            [startID] + caption.split(separator: " ").map(id) + [endID]
        }
        let longest = rows.reduce(0) { max($0, $1.count) }
        return rows.map { $0 + Array(repeating: padID, count: longest - $0.count) }
    }

    private func id(_ word: Substring) -> Int {
        guard let id = ids[word] else { preconditionFailure("no caption of the world says '\(word)'") }
        return id
    }

    /// Which of the known ids each one is.
    func classes(_ rows: [[Int]]) -> [Int] {
        rows.flatMap { $0.map { id in classes[id] ?? 0 } }
    }
}
