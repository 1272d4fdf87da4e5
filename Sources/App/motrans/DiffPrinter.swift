import Artifacts
import Execution
import Foundation
import Lineage

/// The differences of two runs, for people and for programs.
struct DiffPrinter {
    let difference: RunDifference
    let captions: CaptionDifference
    let scores: ScoreDifference
    let sections: [DiffCommand.Section]
    /// Whether everything is told of the sections, and not only what people look for.
    let isWhole: Bool

    // MARK: For people

    var lines: [String] {
        var lines = [("A", difference.before), ("B", difference.after)].map { name, account in
            "\(name)  \(account.run.id)  \(account.run.run.pipeline)  \(RunsCommand.when(account.run.run.started))"
                + "  \(JSON.outcome(account.run))"
        }
        var equal: [String] = []
        for section in sections {
            let text = text(of: section)
            if text.isEmpty { equal.append(section.rawValue) } else { lines += ["", section.rawValue] + text }
        }
        if equal.count == sections.count {
            lines += [
                "",
                sections.count == DiffCommand.Section.allCases.count
                    ? "nothing differs" : "nothing differs in \(equal.joined(separator: ", "))",
            ]
        } else if !equal.isEmpty {
            lines += ["", "nothing differs in \(equal.joined(separator: ", "))"]
        }
        return lines
    }

    private func text(of section: DiffCommand.Section) -> [String] {
        switch section {
        case .settings: settingLines
        case .artifacts: artifactLines
        case .captions: captionLines
        case .scores: scoreLines
        case .environment: environmentLines
        }
    }

    private var settingLines: [String] {
        guard !difference.settings.isEmpty else { return [] }
        var table = Table([("step", .left), ("setting", .left), ("A", .left), ("B", .left), ("where", .left)])
        for setting in difference.settings {
            guard let name = setting.name else {
                let side = setting.before == nil ? "only in B" : "only in A"
                let stage = (setting.before ?? setting.after)?.string ?? ""
                table.add([
                    setting.step, side, setting.before == nil ? "" : stage, setting.after == nil ? "" : stage, "",
                ])
                continue
            }
            table.add([setting.step, name] + Self.short([setting.before, setting.after]) + [Self.place(setting)])
        }
        return [table.text]
    }

    /// Two values on one line each, of long ones what lies around the first letter that differs.
    private static func short(_ values: [Value?]) -> [String] {
        let texts = values.map { $0.map { Array(KeyChange.text($0).replacing("\n", with: "↵")) } ?? ["–"] }
        let width = 48
        guard texts.contains(where: { $0.count > width }) else { return texts.map { String($0) } }
        let common = zip(texts[0], texts[1]).prefix { $0 == $1 }.count
        let start = max(0, common - width / 4)
        return texts.map { text in
            guard text.count > width else { return String(text) }
            let shown = text.dropFirst(start)
            return (start > 0 ? "…" : "") + String(shown.prefix(width)) + (shown.count > width ? "…" : "")
        }
    }

    private static func place(_ setting: RunDifference.Setting) -> String {
        guard setting.placeBefore != setting.placeAfter else { return setting.placeAfter ?? "" }
        return "\(setting.placeBefore ?? "default") → \(setting.placeAfter ?? "default")"
    }

    private var artifactLines: [String] {
        let shown = difference.artifacts.filter { isWhole || $0.state != .same }
        guard difference.artifacts.contains(where: { $0.state != .same }) else { return [] }
        var table = Table([("step", .left), ("output", .left), ("", .left), ("A", .left), ("B", .left)])
        for artifact in shown {
            table.add([
                artifact.step, artifact.name, artifact.state.rawValue, artifact.before?.short ?? "–",
                artifact.after?.short ?? "–",
            ])
        }
        let hidden = difference.artifacts.count - shown.count
        return [table.text] + (hidden > 0 ? ["and \(hidden) that \(hidden == 1 ? "is" : "are") the same"] : [])
    }

    private var captionLines: [String] {
        captions.changes.flatMap { change in
            ["\(change.step), clip \(change.clip)"]
                + [("-", change.before), ("+", change.after)].compactMap { sign, text in
                    text.map { "  \(sign) \($0)" }
                }
        } + captions.gone.map(Self.missing)
    }

    private var scoreLines: [String] {
        let shown = scores.changes.filter { isWhole || $0.video == nil }
        let missing = scores.gone.map(Self.missing)
        guard !scores.changes.isEmpty else { return missing }
        var table = Table(
            [("step", .left)] + (isWhole ? [("video", .left)] : [])
                + [("score", .left), ("A", .right), ("B", .right), ("B − A", .right)])
        for change in shown {
            table.add(
                [change.step] + (isWhole ? [change.video ?? "mean"] : []) + [
                    change.title, Self.number(change.before), Self.number(change.after),
                    change.difference.map { String(format: "%+.4f", $0) } ?? "–",
                ])
        }
        return [table.text] + missing
    }

    private static func missing(_ step: String) -> String {
        "\(step): not in the store any more for both runs, and not compared"
    }

    private static func number(_ number: Double?) -> String { number.map { String(format: "%.4f", $0) } ?? "–" }

    private var environmentLines: [String] {
        difference.environment.flatMap { fact in
            [fact.name]
                + [("-", fact.before), ("+", fact.after)].compactMap { sign, text in text.map { "  \(sign) \($0)" } }
        }
    }

    // MARK: For programs

    var fields: [(String, Value)] {
        [
            ("a", .map(Dictionary(JSON.run(difference.before.run)) { $1 })),
            ("b", .map(Dictionary(JSON.run(difference.after.run)) { $1 })),
        ]
            + sections.map { ($0.rawValue, value(of: $0)) } + [("not_compared", .list(notCompared))]
    }

    private var notCompared: [Value] {
        [(DiffCommand.Section.captions, captions.gone), (.scores, scores.gone)].flatMap { section, steps in
            guard sections.contains(section) else { return [Value]() }
            return steps.map { .map(["section": .string(section.rawValue), "step": .string($0)]) }
        }
    }

    private func value(of section: DiffCommand.Section) -> Value {
        switch section {
        case .settings:
            .list(
                difference.settings.map { setting in
                    .map([
                        "step": .string(setting.step), "setting": JSON.optional(setting.name),
                        // A setting may be null, and then it is there all the same.
                        "in_a": .bool(setting.before != nil), "in_b": .bool(setting.after != nil),
                        "a": setting.before ?? .null, "b": setting.after ?? .null,
                        "place_a": JSON.optional(setting.placeBefore), "place_b": JSON.optional(setting.placeAfter),
                    ])
                })
        case .artifacts:
            .list(
                difference.artifacts.map { artifact in
                    .map([
                        "step": .string(artifact.step), "output": .string(artifact.name),
                        "state": .string(artifact.state.rawValue), "a": JSON.optional(artifact.before?.hex),
                        "b": JSON.optional(artifact.after?.hex),
                    ])
                })
        case .captions:
            .list(
                captions.changes.map { change in
                    .map([
                        "step": .string(change.step), "clip": .int(change.clip), "a": JSON.optional(change.before),
                        "b": JSON.optional(change.after),
                    ])
                })
        case .scores:
            .list(
                scores.changes.map { change in
                    .map([
                        "step": .string(change.step), "video": JSON.optional(change.video),
                        "score": .string(change.key), "a": change.before.map(JSON.number) ?? .null,
                        "b": change.after.map(JSON.number) ?? .null,
                        "difference": change.difference.map(JSON.number) ?? .null,
                    ])
                })
        case .environment:
            .list(
                difference.environment.map { fact in
                    .map(["fact": .string(fact.name), "a": JSON.optional(fact.before), "b": JSON.optional(fact.after)])
                })
        }
    }
}
