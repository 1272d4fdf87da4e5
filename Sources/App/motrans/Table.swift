/// Rows that stand in columns: text for people, Markdown and CSV for papers and spreadsheets.
struct Table {
    enum Alignment {
        case left
        case right
    }

    private let headings: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    init(_ columns: [(heading: String, alignment: Alignment)]) {
        headings = columns.map(\.heading)
        alignments = columns.map(\.alignment)
    }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == headings.count, "\(cells.count) cells for \(headings.count) columns")
        rows.append(cells)
    }

    /// Columns padded with spaces, two between them, a rule below the headings.
    var text: String {
        let widths = headings.indices.map { column in
            ([headings] + rows).map { Self.width($0[column]) }.max() ?? 0
        }
        let line = { (cells: [String]) in
            var text = zip(cells.indices, cells).map { index, cell in
                let space = String(repeating: " ", count: widths[index] - Self.width(cell))
                return alignments[index] == .left ? cell + space : space + cell
            }.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
        return ([line(headings), rule] + rows.map(line)).joined(separator: "\n")
    }

    /// A table of GitHub's Markdown.
    var markdown: String {
        let line = { (cells: [String]) in
            "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        let rule = "|" + alignments.map { $0 == .left ? "---" : "---:" }.joined(separator: "|") + "|"
        return ([line(headings), rule] + rows.map(line)).joined(separator: "\n")
    }

    /// Comma-separated values as RFC 4180 has them.
    var csv: String {
        ([headings] + rows).map { row in
            row.map { cell in
                cell.contains(where: { ",\"\n".contains($0) }) ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
            }.joined(separator: ",")
        }.joined(separator: "\n")
    }

    /// Columns that a text takes on a terminal: East Asian wide characters and emoji take two.
    private static func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { sum, scalar in
            switch scalar.value {
            case 0x300...0x36F, 0x200B...0x200F, 0xFE00...0xFE0F: sum
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
                0x1F300...0x1FAFF:
                sum + 2
            default: sum + 1
            }
        }
    }
}
