/// What became of a text, word by word.
struct WordDifference {
    enum Change {
        case kept
        case added
        case removed
    }

    /// Words that lie together and share a fate, in order; what was removed before what came in its place.
    let pieces: [(change: Change, text: String)]

    /// The longest common subsequence of words decides; texts of thousands of words are told as a whole.
    init(from old: String, to new: String) {
        let (before, after) = (old.split(separator: " "), new.split(separator: " "))
        guard before.count * after.count < 1 << 20 else {
            pieces = old == new ? [(.kept, new)] : [(.removed, old), (.added, new)]
            return
        }
        var lengths = Array(repeating: Array(repeating: 0, count: after.count + 1), count: before.count + 1)
        for i in before.indices.reversed() {
            for j in after.indices.reversed() {
                lengths[i][j] =
                    before[i] == after[j] ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
            }
        }
        var pieces: [(change: Change, text: String)] = []
        func add(_ change: Change, _ word: Substring) {
            if let last = pieces.last, last.change == change {
                pieces[pieces.count - 1].text += " \(word)"
            } else {
                pieces.append((change, String(word)))
            }
        }
        var (i, j) = (0, 0)
        while i < before.count || j < after.count {
            if i < before.count, j < after.count, before[i] == after[j] {
                add(.kept, before[i])
                i += 1
                j += 1
            } else if i < before.count, j == after.count || lengths[i + 1][j] >= lengths[i][j + 1] {
                add(.removed, before[i])
                i += 1
            } else {
                add(.added, after[j])
                j += 1
            }
        }
        self.pieces = pieces
    }

    /// As `git diff --word-diff` marks it: `A [-red-] {+blue+} ball`.
    var text: String {
        pieces.map { piece in
            switch piece.change {
            case .kept: piece.text
            case .added: "{+\(piece.text)+}"
            case .removed: "[-\(piece.text)-]"
            }
        }.joined(separator: " ")
    }
}
