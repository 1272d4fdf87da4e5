/// Finds what the user may have meant.
package enum Suggestion {
    /// `did you mean ...?` when a candidate is close, else what there is when that is short.
    package static func help(_ word: String, among candidates: [String], all: String? = nil) -> [String] {
        if let best = nearest(word, among: candidates) { return ["did you mean `\(best)`?"] }
        guard let all, !candidates.isEmpty, candidates.count <= 24 else { return [] }
        return ["\(all): \(candidates.joined(separator: ", "))"]
    }

    /// The closest candidate, if it is close.
    static func nearest(_ word: String, among candidates: [String]) -> String? {
        let wanted = folded(word)
        guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            let other = folded(candidate)
            guard other.count <= 64 else { continue }
            var distance = distance(wanted, other)
            // `guidance-scale` for `guidance`: one word inside the other is close too.
            if distance > 2, min(wanted.count, other.count) >= 4,
                String(wanted).contains(String(other)) || String(other).contains(String(wanted))
            {
                distance = 2
            }
            if distance <= max(1, min(wanted.count, other.count) / 3), distance < best?.distance ?? Int.max {
                best = (candidate, distance)
            }
        }
        return best?.word
    }

    private static func folded(_ word: String) -> [Character] {
        word.lowercased().map { $0 == "_" || $0 == " " ? "-" : $0 }
    }

    /// Insertions, deletions, replacements and swaps of neighbours.
    static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var before = [Int](repeating: 0, count: b.count + 1)
        var row = Array(0...b.count)
        for i in 1..<(a.count + 1) {
            var next = [Int](repeating: i, count: b.count + 1)
            for j in 1..<(b.count + 1) {
                next[j] = min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    next[j] = min(next[j], before[j - 2] + 1)
                }
            }
            before = row
            row = next
        }
        return row[b.count]
    }
}
