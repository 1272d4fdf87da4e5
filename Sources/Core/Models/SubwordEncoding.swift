/// How a language model cuts a word (often a whole text) into tokens: merges by rank, merges by score, or the most
/// likely of all ways.
///
/// Words are UTF-8. A sign that is no token becomes its bytes where the vocabulary has tokens for them, else the unknown
/// token, one for a run of them if told.
struct SubwordEncoding: Sendable {
    enum Method: Sendable {
        /// Pairs of ids and what they become, as tokenizer.json lists them: the lowest rank first.
        case ranks([Pair: Merge])
        /// Any two neighbours that together are a token, of a score by id: the highest first (SentencePiece's BPE).
        case scores([Float])
        /// The sum of scores by id is the largest, over ways to cut (SentencePiece's unigram model).
        case unigram([Float])
    }

    struct Pair: Hashable, Sendable { let left: Int, right: Int }
    struct Merge: Sendable { let rank: Int, id: Int }

    let vocabulary: SubwordVocabulary
    let method: Method
    /// The id of what is no token; without one it is left out, as in the reference.
    let unknown: Int?
    let fusesUnknown: Bool
    /// Whether a word that is a token is taken as it is.
    let ignoresMerges: Bool
    /// Tokens of the 256 bytes, for signs that are no token.
    let byteIDs: [Int]?
    /// Ids that text never becomes: control tokens and bytes.
    private let hidden: Set<Int>
    private let longest: Int
    private let unknownScore: Float

    init(
        _ vocabulary: SubwordVocabulary, _ method: Method, unknown: Int?, fusesUnknown: Bool = true,
        ignoresMerges: Bool = false, byteIDs: [Int]? = nil, hidden: Set<Int> = []
    ) {
        (self.vocabulary, self.method, self.unknown) = (vocabulary, method, unknown)
        (self.fusesUnknown, self.ignoresMerges) = (fusesUnknown, ignoresMerges)
        (self.byteIDs, self.hidden) = (byteIDs, hidden)
        longest = vocabulary.ids.keys.reduce(0) { max($0, $1.count) }
        // As SentencePiece has it: ten below the least likely token.
        if case .unigram(let scores) = method {
            let real = scores.indices.filter { !hidden.contains($0) && $0 != unknown }
            unknownScore = (real.map { scores[$0] }.min() ?? 0) - 10
        } else {
            unknownScore = 0
        }
    }

    /// The ids of a word.
    func encode(_ word: [UInt8]) -> [Int] {
        guard !word.isEmpty else { return [] }
        if ignoresMerges, let id = vocabulary[word] { return [id] }
        switch method {
        case .ranks(let merges):
            // Bytes and unknown signs are in the way of merges, or part of them.
            return Self.merged(known(signs(word))) { left, right in
                merges[Pair(left: left.id, right: right.id)].map {
                    (Double($0.rank), Symbol(range: left.range.lowerBound..<right.range.upperBound, id: $0.id))
                }
            }.map(\.id)
        case .scores(let scores):
            let symbols = Self.merged(signs(word)) { left, right in
                let range = left.range.lowerBound..<right.range.upperBound
                return id(word, range).map { (-Double(scores[$0]), Symbol(range: range, id: $0)) }
            }
            return known(symbols, in: word).map(\.id)
        case .unigram(let scores): return known(best(word, scores), in: word).map(\.id)
        }
    }

    /// A part of a word; its id is −1 when it is no token.
    private struct Symbol {
        let range: Range<Int>
        let id: Int
        var bytes: ArraySlice<UInt8> = []
    }

    private func id(_ word: [UInt8], _ range: Range<Int>) -> Int? {
        guard range.count <= longest, let id = vocabulary[Array(word[range])], !hidden.contains(id), id != unknown
        else {
            return nil
        }
        return id
    }

    /// The signs of a word.
    private func signs(_ word: [UInt8]) -> [Symbol] {
        let starts = characterStarts(word)
        return zip(starts, starts.dropFirst()).map {
            Symbol(range: $0..<$1, id: id(word, $0..<$1) ?? -1, bytes: word[$0..<$1])
        }
    }

    /// Symbols with bytes or the unknown token for those that are no token.
    private func known(_ symbols: [Symbol], in word: [UInt8]? = nil) -> [Symbol] {
        var result: [Symbol] = []
        var followsUnknown = false
        for symbol in symbols {
            guard symbol.id < 0 else {
                result.append(symbol)
                followsUnknown = false
                continue
            }
            if let byteIDs {
                let bytes = word.map { $0[symbol.range] } ?? symbol.bytes
                result += bytes.map { Symbol(range: symbol.range, id: byteIDs[Int($0)]) }
                followsUnknown = false
            } else if let unknown {
                if !(followsUnknown && fusesUnknown) { result.append(Symbol(range: symbol.range, id: unknown)) }
                followsUnknown = true
            }
        }
        return result
    }

    /// Joins the neighbours of the lowest priority number, of equal ones the leftmost, until none are to be joined.
    private static func merged(
        _ symbols: [Symbol], _ merge: (Symbol, Symbol) -> (priority: Double, symbol: Symbol)?
    ) -> [Symbol] {
        var symbols = symbols
        var joins = zip(symbols, symbols.dropFirst()).map(merge)
        while true {
            var best: (index: Int, priority: Double)?
            for (index, join) in joins.enumerated() {
                if let join, join.priority < best?.priority ?? .infinity { best = (index, join.priority) }
            }
            guard let index = best?.index, let join = joins[index] else { return symbols }
            symbols[index] = join.symbol
            symbols.remove(at: index + 1)
            joins.remove(at: index)
            if index > 0 { joins[index - 1] = merge(symbols[index - 1], symbols[index]) }
            if index < joins.count { joins[index] = merge(symbols[index], symbols[index + 1]) }
        }
    }

    /// Viterbi's way: of all ways to a place the one of the highest score, the first found where they are equal.
    private func best(_ word: [UInt8], _ scores: [Float]) -> [Symbol] {
        let starts = characterStarts(word)
        var ways = [(score: Float, from: Int, id: Int)?](repeating: nil, count: word.count + 1)
        ways[0] = (0, 0, -1)
        for (index, start) in starts.dropLast().enumerated() {
            guard let way = ways[start] else { continue }
            var hasOne = false
            func offer(_ end: Int, _ score: Float, _ id: Int) {
                if way.score + score > ways[end]?.score ?? -.infinity { ways[end] = (way.score + score, start, id) }
            }
            for end in starts[(index + 1)...] {
                guard end - start <= longest else { break }
                guard let id = id(word, start..<end) else { continue }
                offer(end, scores[id], id)
                if end == starts[index + 1] { hasOne = true }
            }
            if !hasOne { offer(starts[index + 1], unknownScore, -1) }
        }
        var symbols: [Symbol] = []
        var end = word.count
        while end > 0, let way = ways[end] {
            symbols.append(Symbol(range: way.from..<end, id: way.id))
            end = way.from
        }
        return symbols.reversed()
    }
}
