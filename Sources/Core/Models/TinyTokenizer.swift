/// A byte-level BPE vocabulary small enough to read, in which everyday words are one token each.
///
/// 512 byte symbols, then merges that spell each word from its front, the two special tokens last.
struct TinyTokenizer {
    /// Tokens in the order of their ids.
    let vocabulary: [String]
    /// Pairs, the first to be merged first.
    let merges: [(String, String)]

    init(words: [String] = TinyTokenizer.words) {
        let symbols = BytePairEncoding.byteOrder.map { BytePairEncoding.byteSymbols[$0] }
        let bytes = symbols + symbols.map { $0 + "</w>" }
        var merges: [(String, String)] = []
        // Longer words first: a long chain broken by a short word's merge is what costs extra merges below.
        for word in words.sorted(by: { ($1.utf8.count, $0) < ($0.utf8.count, $1) }) {
            var parts = Self.symbols(of: word)[...]
            guard var front = parts.popFirst() else { continue }
            for part in parts {
                if !merges.contains(where: { $0 == (front, part) }) { merges.append((front, part)) }
                front += part
            }
        }
        // A merge of one word may apply inside another before its own chain does; joining what is left of such words
        // by merges of the lowest rank changes no word that is already whole.
        var changed = true
        while changed {
            changed = false
            for word in words {
                let pieces = Self.encode(word, merges)
                guard pieces.count > 1 else { continue }
                merges.append((pieces[0], pieces[1]))
                changed = true
            }
        }
        self.merges = merges
        var seen = Set(bytes)
        let merged = merges.map { $0.0 + $0.1 }.filter { seen.insert($0).inserted }
        vocabulary = bytes + merged + ["<|startoftext|>", "<|endoftext|>"]
    }

    /// `vocab.json`.
    var vocabularyFile: String {
        let entries = vocabulary.enumerated().map { id, token in
            "\"" + token.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\": \(id)"
        }
        return "{" + entries.joined(separator: ", ") + "}"
    }

    /// `merges.txt`, without its last line end.
    var mergesFile: String { (["#version: 0.2"] + merges.map { "\($0.0) \($0.1)" }).joined(separator: "\n") }

    private static func symbols(of word: String) -> [String] {
        var symbols = word.utf8.map { BytePairEncoding.byteSymbols[Int($0)] }
        if let last = symbols.popLast() { symbols.append(last + "</w>") }
        return symbols
    }

    private static func encode(_ word: String, _ merges: [(String, String)]) -> [String] {
        var pieces = symbols(of: word)
        for (left, right) in merges {
            var index = 0
            while index + 1 < pieces.count {
                if pieces[index] == left, pieces[index + 1] == right {
                    pieces.replaceSubrange(index...index + 1, with: [left + right])
                }
                index += 1
            }
        }
        return pieces
    }

    /// Articles and small words, colours, subjects, verbs of motion, places; the last four lines are what the captions of
    /// the procedural world have beside these.
    static let words: [String] = """
        a an the is are in on at to of and with under over near by from into up down left right its one two
        red green blue yellow orange purple pink white black brown grey golden small big young old
        ball box cup robot cat dog panda person man woman boy girl child bird fish horse car boat train bear rabbit
        monkey tiger elephant duck star square circle triangle cube figure hand object toy water
        moving walking running jumping turning tilting spinning rotating rolling bouncing zigzagging swinging falling rising
        flying swimming dancing waving riding playing drinking eating lifting pushing pulling skating skateboarding skiing
        sliding climbing throwing kicking shaking circling floating growing shrinking opening closing golf guitar bicycle
        grass snow beach sea sky street road forest park city garden kitchen room table desk floor wall field desert mountain
        river lake moon space stage night background front camera
        video picture photo large medium top bottom middle heart ring ghost flower
        resting cartwheeling orbiting pulsing diving hovering tumbling drifting patrolling wobbling
        bright dark round five bumps cross ears eyes hole horns petals points stripe tail wheels
        bubbles buildings dunes ground leaves sand snowflakes stars trees windows
        """.split { $0 == " " || $0 == "\n" }.map(String.init)
}
