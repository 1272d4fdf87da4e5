import Artifacts
import Execution
import Foundation
import Lineage

/// A drawing of what was made from what: steps in columns from the sources to the result, as SVG.
struct LineageGraphDrawing {
    private struct Box {
        let id: String
        let title: String
        let detail: String
        let style: String
        var column: Int
        var row = 0
    }

    private var boxes: [Box] = []
    private var edges: [(from: String, to: String, label: String)] = []

    private static let (width, height, gapX, gapY, margin) = (172, 46, 42, 16, 4)

    init(_ closure: LineageClosure) {
        var columns: [String: Int] = [:]
        func add(_ id: String, _ title: String, _ detail: String, _ style: String, _ column: Int) {
            guard columns[id] == nil else { return }
            columns[id] = column
            boxes.append(Box(id: id, title: title, detail: detail, style: style, column: column))
        }
        for step in closure.steps {
            let work = step.attempt.attempt
            var column = 0
            for use in work.inputs {
                let from: String
                if let maker = closure.maker(of: use.artifact) {
                    from = maker.attempt.id.text
                } else {
                    from = use.artifact.hex
                    let count = closure.artifacts[use.artifact]?.manifest.entries.count ?? 0
                    add(from, "\(use.kind)", "\(count) \(count == 1 ? "file" : "files") of the user's", "source", 0)
                }
                column = max(column, (columns[from] ?? 0) + 1)
                edges.append((from, step.attempt.id.text, use.port))
            }
            add(
                step.attempt.id.text, work.step, work.stage, step.isFresh ? "fresh" : "reused", column)
        }
        // Scores come after what they are of.
        for (_, scorer) in closure.scores {
            let known = scorer.attempt.inputs.compactMap { use -> (String, String)? in
                closure.maker(of: use.artifact).map { ($0.attempt.id.text, use.port) }
            }
            guard columns[scorer.id.text] == nil, !known.isEmpty else { continue }
            add(
                scorer.id.text, scorer.attempt.step, scorer.attempt.stage, "after",
                (known.compactMap { columns[$0.0] }.max() ?? 0) + 1)
            var seen: Set<String> = []
            for (from, port) in known where seen.insert(from).inserted { edges.append((from, scorer.id.text, port)) }
        }
        var rows: [Int: Int] = [:]
        for index in boxes.indices {
            boxes[index].row = rows[boxes[index].column, default: 0]
            rows[boxes[index].column, default: 0] += 1
        }
    }

    private func place(_ box: Box, _ tallest: Int) -> (x: Int, y: Int) {
        let inColumn = boxes.count { $0.column == box.column }
        let free = (tallest - inColumn) * (Self.height + Self.gapY)
        return (
            Self.margin + box.column * (Self.width + Self.gapX),
            Self.margin + free / 2 + box.row * (Self.height + Self.gapY)
        )
    }

    var html: HTML {
        let tallest = Dictionary(grouping: boxes, by: \.column).values.map(\.count).max() ?? 0
        let columns = (boxes.map(\.column).max() ?? 0) + 1
        let wide = columns * (Self.width + Self.gapX) - Self.gapX + 2 * Self.margin
        let tall = tallest * (Self.height + Self.gapY) - Self.gapY + 2 * Self.margin
        let places = Dictionary(boxes.map { ($0.id, place($0, tallest)) }, uniquingKeysWith: { $1 })
        let lines = edges.compactMap { edge -> HTML? in
            guard let from = places[edge.from], let to = places[edge.to] else { return nil }
            let (x1, y1) = (from.x + Self.width, from.y + Self.height / 2)
            let (x2, y2) = (to.x - 4, to.y + Self.height / 2)
            let bend = max(24, (x2 - x1) / 2)
            return """
                <path d="M\(x1) \(y1)C\(x1 + bend) \(y1) \(x2 - bend) \(y2) \(x2) \(y2)" marker-end="url(#tip)">\
                <title>\(edge.label)</title></path>

                """
        }
        let shapes = boxes.map { box -> HTML in
            let (x, y) = places[box.id] ?? (0, 0)
            return """
                <g class="\(box.style)"><title>\(box.title)</title>\
                <rect x="\(x)" y="\(y)" width="\(Self.width)" height="\(Self.height)" rx="8"/>\
                <text x="\(x + 12)" y="\(y + 20)" class="name">\(Self.shortened(box.title, 23))</text>\
                <text x="\(x + 12)" y="\(y + 36)" class="detail">\(Self.shortened(box.detail, 27))</text></g>

                """
        }
        return """
            <svg class="graph" viewBox="0 0 \(wide) \(tall)" style="max-width:\(wide)px" role="img" \
            aria-label="what was made from what">
            <defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
            <path d="M0 0L8 4L0 8z"/></marker></defs>
            \(lines)\(shapes)</svg>
            """
    }

    private static func shortened(_ text: String, _ limit: Int) -> String {
        text.count <= limit ? text : text.prefix(limit - 1) + "…"
    }
}
