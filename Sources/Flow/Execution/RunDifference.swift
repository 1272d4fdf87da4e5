public import Artifacts
import Foundation
public import Lineage

/// What differs between two runs, as lineage tells it: what was asked for, what came out, and where.
///
/// What lies inside artifacts (captions, scores) is not looked at here.
public struct RunDifference: Sendable {
    /// A setting, an element or a stage version that differs; of a step that only one of them has, the step.
    public struct Setting: Hashable, Sendable {
        /// The step, or `clips` for facts about the user's files.
        public let step: String
        /// The setting, `element prompt`, `stage version`; nil for the whole step.
        public let name: String?
        /// The value in the first run; nil where it has none.
        public let before: Value?
        /// The value in the second run.
        public let after: Value?
        /// Where a file or a flag gave the value of the first run; nil for a default.
        public let placeBefore: String?
        /// The same of the second run.
        public let placeAfter: String?
    }

    /// An artifact, a file of the user's, or a part of a model.
    public struct Artifact: Hashable, Sendable {
        /// What became of it.
        public enum State: String, Hashable, Sendable {
            case same
            case different
            /// Only the second run has it.
            case new
            /// Only the first run has it.
            case gone
        }

        /// The step that gave it; `sources` or `models` for what no step gave.
        public let step: String
        /// The port, the name of the file, or the part.
        public let name: String
        /// Its digest in the first run.
        public let before: Digest?
        /// Its digest in the second run.
        public let after: Digest?

        /// What became of it.
        public var state: State {
            before == after ? .same : before == nil ? .new : after == nil ? .gone : .different
        }
    }

    /// A fact about the tool, the machine or the call that differs.
    public struct Fact: Hashable, Sendable {
        /// `tool`, `host`, `kernels`, `threads`, `arguments`, `pipeline`, `variable NAME`.
        public let name: String
        /// In the first run.
        public let before: String?
        /// In the second run.
        public let after: String?
    }

    /// The first run.
    public let before: RunAccount
    /// The second run.
    public let after: RunAccount
    /// What was asked for, by step, in the order of the plan.
    public let settings: [Setting]
    /// Everything that either run read or gave, the same too: sources, models, then steps in the order of the plan.
    public let artifacts: [Artifact]
    /// Where and how they ran.
    public let environment: [Fact]

    /// Compares two runs.
    public init(from before: RunAccount, to after: RunAccount) {
        self.before = before
        self.after = after
        let steps = Self.union(before.stepNames, after.stepNames)
        settings =
            Self.attributes(before, after)
            + steps.flatMap { Self.settings($0, before.attempt(at: $0), after.attempt(at: $0)) }
        artifacts =
            Self.pairs("sources", Self.sources(before), Self.sources(after))
            + Self.pairs("models", Self.models(before), Self.models(after))
            + steps.flatMap { Self.pairs($0, Self.outputs(before, $0), Self.outputs(after, $0)) }
        environment = Self.facts(before, after)
    }

    /// The names of both, in the order of the second, the rest of the first behind.
    private static func union(_ first: [String], _ second: [String]) -> [String] {
        let known = Set(second)
        return second + first.filter { !known.contains($0) }
    }

    private static func settings(_ step: String, _ old: AttemptRecord?, _ new: AttemptRecord?) -> [Setting] {
        guard let old, let new else {
            guard old != nil || new != nil else { return [] }
            return [
                Setting(
                    step: step, name: nil, before: old.map { .string($0.attempt.stage) },
                    after: new.map { .string($0.attempt.stage) }, placeBefore: nil, placeAfter: nil)
            ]
        }
        return new.attempt.record.changes(from: old.attempt.record).compactMap { change in
            let name: String
            var places: (String?, String?)
            switch change.subject {
            case .setting(let setting):
                name = setting
                places = (old.attempt.settingPlaces[setting], new.attempt.settingPlaces[setting])
            case .element(let field): name = field.map { "element \($0)" } ?? "element"
            case .version: name = "stage version"
            case .stage: name = "stage"
            case .schema, .output, .other: name = change.field
            // Told among the artifacts.
            case .input, .model: return nil
            }
            return Setting(
                step: step, name: name, before: change.before, after: change.after, placeBefore: places.0,
                placeAfter: places.1)
        }
    }

    // MARK: Artifacts

    private typealias Named = [(name: String, digest: Digest)]

    private static func pairs(_ step: String, _ old: Named, _ new: Named) -> [Artifact] {
        let (before, after) = (
            Dictionary(old.map { ($0.name, $0.digest) }) { $1 }, Dictionary(new.map { ($0.name, $0.digest) }) { $1 }
        )
        return union(old.map(\.name), new.map(\.name)).map { name in
            Artifact(step: step, name: name, before: before[name], after: after[name])
        }
    }

    private static func outputs(_ account: RunAccount, _ step: String) -> Named {
        (account.attempt(at: step)?.outputs ?? []).map { use in
            (use.position == 0 ? use.port : "\(use.port).\(use.position)", use.artifact)
        }
    }

    private static func models(_ account: RunAccount) -> Named {
        var seen: Set<String> = []
        return account.models.map { model in
            // Steps may read a part of several model sets.
            var name = model.part
            while !seen.insert(name).inserted { name += "′" }
            return (name, model.digest)
        }.sorted { $0.0 < $1.0 }
    }

    /// The user's own files by name; of several with one name, with a number.
    private static func files(_ account: RunAccount) -> [(name: String, entry: Manifest.Entry, attributes: Value?)] {
        var seen: [String: Int] = [:]
        return account.inputs.flatMap { artifact -> [(String, Manifest.Entry, Value?)] in
            guard let manifest = account.artifacts[artifact]?.manifest else { return [] }
            let attributes = manifest.attributes.list
            return manifest.entries.enumerated().map { index, entry in
                let path = account.sources[entry.digest]?.first?.path ?? entry.path
                let name = String(path.split(separator: "/").last ?? "")
                seen[name, default: 0] += 1
                let number = seen[name] ?? 1
                let isEach = attributes?.count == manifest.entries.count
                return (number == 1 ? name : "\(name) (\(number))", entry, isEach ? attributes?[index] : nil)
            }
        }
    }

    private static func sources(_ account: RunAccount) -> Named { files(account).map { ($0.name, $0.entry.digest) } }

    /// What was said of each file of the user's: the prompts of clips.
    private static func attributes(_ before: RunAccount, _ after: RunAccount) -> [Setting] {
        let old = Dictionary(files(before).map { ($0.name, $0.attributes?.map ?? [:]) }) { first, _ in first }
        return files(after).flatMap { file -> [Setting] in
            guard let was = old[file.name] else { return [] }
            let now = file.attributes?.map ?? [:]
            return Set(was.keys).union(now.keys).sorted().filter { was[$0] != now[$0] }.map { field in
                Setting(
                    step: "clips", name: "\(field) of \(file.name)", before: was[field], after: now[field],
                    placeBefore: nil, placeAfter: nil)
            }
        }
    }

    // MARK: Environment

    private static func facts(_ before: RunAccount, _ after: RunAccount) -> [Fact] {
        let (old, new) = (facts(before), facts(after))
        return union(old.map(\.name), new.map(\.name)).compactMap { name in
            let values = (old.first { $0.name == name }?.value, new.first { $0.name == name }?.value)
            return values.0 == values.1 ? nil : Fact(name: name, before: values.0, after: values.1)
        }
    }

    private static func facts(_ account: RunAccount) -> [(name: String, value: String)] {
        let run = account.run.run
        let own = account.attempts.filter { !account.isReused($0) }
        var facts = [
            ("outcome", account.run.outcome.rawValue), ("pipeline", run.pipeline), ("file", run.file),
            ("tool", "motrans \(run.toolVersion)"), ("host", run.process.host),
            ("arguments", run.commandLine.dropFirst().joined(separator: " ")),
        ]
        // Of what was found, the kernels are those of the run that made it: they decided the bits all the same.
        let kernels = Set(account.attempts.map(\.usage.kernels)).subtracting([""]).sorted()
        if !kernels.isEmpty { facts.append(("kernels", kernels.joined(separator: " / "))) }
        let threads = Set(own.map(\.usage.threads)).subtracting([0]).sorted()
        if !threads.isEmpty { facts.append(("threads", threads.map(String.init).joined(separator: ", "))) }
        return facts + run.environment.sorted { $0.key < $1.key }.map { ("variable \($0.key)", $0.value) }
    }
}
