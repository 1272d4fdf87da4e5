import Formats

/// The scores as a table for spreadsheets: RFC 4180, a line per video and one for the means.
struct ScoresCSV {
    let text: String

    init(_ scores: Scores) {
        let order = ["clip_t", "clip_e", "temp_cons", "mofid", "mofid_all"]
        let names = Set(scores.videos.flatMap(\.values.keys)).union(scores.mean.keys)
        let columns = order.filter(names.contains) + names.subtracting(order).sorted()
        var lines = [["prompt", "seed", "entity"] + columns]
        for video in scores.videos {
            lines.append(
                [video.prompt, "\(video.seed)", video.entity ?? ""] + columns.map { ScoresCSV.cell(video.values[$0]) })
        }
        lines.append(["mean", "", ""] + columns.map { ScoresCSV.cell(scores.mean[$0]) })
        text = lines.map { $0.map(ScoresCSV.quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    private static func cell(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }

    private static func quoted(_ field: String) -> String {
        guard field.unicodeScalars.contains(where: { [",", "\"", "\r", "\n"].contains($0) }) else { return field }
        return "\"" + field.replacing("\"", with: "\"\"") + "\""
    }
}
