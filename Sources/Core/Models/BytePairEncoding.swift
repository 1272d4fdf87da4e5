/// Byte-level byte-pair encoding: a word's UTF-8 bytes as symbols, the last marked `</w>`, merged by rank.
struct BytePairEncoding: Sendable {
    private struct Pair: Hashable { let left: Int, right: Int }
    private struct Merge { let rank: Int, id: Int }

    private let inside: [Int]
    private let last: [Int]
    private let merges: [Pair: Merge]

    /// - Parameters:
    ///   - vocabulary: token to id; it holds each byte's symbol, alone and with `</w>`.
    ///   - merges: pairs of tokens, the first to be merged first.
    ///   - unknown: the id of a byte that the vocabulary lacks.
    init(vocabulary: [String: Int], merges: [(String, String)], unknown: Int) {
        let symbols = Self.byteSymbols
        inside = symbols.map { vocabulary[$0] ?? unknown }
        last = symbols.map { vocabulary[$0 + "</w>"] ?? unknown }
        var table: [Pair: Merge] = [:]
        table.reserveCapacity(merges.count)
        for (rank, (left, right)) in merges.enumerated() {
            guard let a = vocabulary[left], let b = vocabulary[right], let id = vocabulary[left + right] else {
                continue
            }
            // A pair that is listed twice has its last rank, as in the reference.
            table[Pair(left: a, right: b)] = Merge(rank: rank, id: id)
        }
        self.merges = table
    }

    /// The ids of one word.
    func encode(_ word: String) -> [Int] {
        let bytes = Array(word.utf8)
        guard let final = bytes.last else { return [] }
        var ids = bytes.dropLast().map { inside[Int($0)] } + [last[Int(final)]]
        while true {
            var best: (pair: Pair, merge: Merge)?
            for (left, right) in zip(ids, ids.dropFirst()) {
                let pair = Pair(left: left, right: right)
                if let merge = merges[pair], merge.rank < best?.merge.rank ?? Int.max { best = (pair, merge) }
            }
            guard let best else { return ids }
            var merged: [Int] = []
            var index = 0
            while index < ids.count {
                if index + 1 < ids.count, ids[index] == best.pair.left, ids[index + 1] == best.pair.right {
                    merged.append(best.merge.id)
                    index += 2
                } else {
                    merged.append(ids[index])
                    index += 1
                }
            }
            ids = merged
        }
    }

    /// The byte values in the order of their symbols in a vocabulary: those that print in Latin-1, then the others.
    static let byteOrder: [Int] = {
        let printing = Array(33...126) + Array(161...172) + Array(174...255)
        return printing + (0...255).filter { !printing.contains($0) }
    }()

    /// The symbol of each byte: itself where it prints in Latin-1, else the next sign from U+0100 on, as GPT-2 has it.
    static let byteSymbols: [String] = {
        var symbols = Array(repeating: "", count: 256)
        for (place, byte) in byteOrder.enumerated() {
            let code = place < 188 ? UInt32(byte) : UInt32(256 + place - 188)
            symbols[byte] = Unicode.Scalar(code).map { String(Character($0)) } ?? ""
        }
        return symbols
    }()
}

/// Tokens that are looked for in a text before anything else is done to it.
struct AddedTokens: Sendable {
    struct Token: Hashable, Sendable {
        let content: String
        let id: Int
        /// Whether it is looked for after normalisation rather than before.
        let isNormalised: Bool
    }

    /// Longest first, so that of several at one place the longest is taken.
    private let tokens: [(scalars: [Unicode.Scalar], id: Int)]

    init(_ tokens: [Token]) {
        self.tokens = tokens.map { (Array($0.content.unicodeScalars), $0.id) }
            .filter { !$0.0.isEmpty }
            .sorted { ($1.0.count, $0.1) < ($0.0.count, $1.1) }
    }

    /// The text in parts, each an added token (with its id) or the text between.
    func split(_ scalars: [Unicode.Scalar]) -> [(scalars: ArraySlice<Unicode.Scalar>, id: Int?)] {
        var parts: [(scalars: ArraySlice<Unicode.Scalar>, id: Int?)] = []
        var begin = 0
        var index = 0
        while index < scalars.count {
            let rest = scalars[index...]
            guard let token = tokens.first(where: { rest.starts(with: $0.scalars) }) else {
                index += 1
                continue
            }
            if begin < index { parts.append((scalars[begin..<index], nil)) }
            parts.append((rest.prefix(token.scalars.count), token.id))
            index += token.scalars.count
            begin = index
        }
        if begin < scalars.count { parts.append((scalars[begin...], nil)) }
        return parts
    }
}
