import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage
import Storage

struct DiffCommand: ParsableCommand {
    enum Section: String, ExpressibleByArgument, CaseIterable {
        case settings
        case artifacts
        case captions
        case scores
        case environment
    }

    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "What differs between two runs: settings, artifacts, captions, scores, environment.",
        discussion: """
            With one run, from it to the latest; with none, from the one before the latest of the same pipeline to it. \
            Runs are told apart by what they used: what a run found made already counts as its own.

            \(ExitStatus.help)
            """)

    @Argument(help: "A run: its name, the beginning of it, latest or previous.") var first: String?
    @Argument(help: "Another run (default: the latest).") var second: String?
    @Option(
        help: ArgumentHelp(
            "Only settings, artifacts, captions, scores or environment; may be given again. Scores then come video by "
                + "video, and artifacts with those that are the same.", valueName: "part"))
    var only: [Section] = []
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let engine = try cache.existingEngine()
        let (before, after) = (
            try engine.run(called: first ?? "previous"), try engine.run(called: second ?? "latest")
        )
        let accounts = try engine.lineage.read { (try $0.account(of: before), try $0.account(of: after)) }
        let difference = RunDifference(from: accounts.0, to: accounts.1)
        let captions = try CaptionDifference(accounts.0, accounts.1, engine.store)
        let scores = try ScoreDifference(accounts.0, accounts.1, engine.store)
        let printer = DiffPrinter(
            difference: difference, captions: captions, scores: scores,
            sections: Section.allCases.filter { only.isEmpty || only.contains($0) }, isWhole: !only.isEmpty)
        json ? Console().result(JSON.document(printer.fields)) : printer.lines.forEach(Console().result)
    }
}

extension Engine {
    /// The run of a name, of the beginning of one, or `latest` or `previous`.
    func run(called name: String) throws -> RunRecord {
        switch name {
        case "latest": return try latestRun()
        case "previous":
            let latest = try latestRun()
            let runs = try lineage.read { try $0.runs(pipeline: latest.run.pipeline, limit: 2) }
            guard runs.count > 1 else {
                throw CommandFailure(
                    status: .notFound, message: "\(latest.id) is the only run of \(latest.run.pipeline)",
                    help: "name two runs; `motrans runs` lists them")
            }
            return runs[1]
        default: return try run(named: name)
        }
    }
}

/// Captions of two runs, where they are not the same.
struct CaptionDifference {
    /// `captions.json`, read as any program could.
    private struct Caption: Decodable {
        let prompt: String
        let caption: String
    }

    struct Change {
        let step: String
        /// Counted from 1, as clips are.
        let clip: Int
        let before: String?
        let after: String?
    }

    private(set) var changes: [Change] = []
    /// Steps that could not be compared, because the store has not both any more.
    private(set) var gone: [String] = []

    init(_ before: RunAccount, _ after: RunAccount, _ store: ObjectStore) throws {
        for step in after.stepNames + before.stepNames.filter({ !after.stepNames.contains($0) }) {
            func artifact(_ account: RunAccount) -> Digest? {
                account.attempt(at: step)?.outputs.first { $0.kind == .captions }?.artifact
            }
            let (old, new) = (artifact(before), artifact(after))
            guard old != new else { continue }
            guard let was = try Self.captions(old, before, store), let now = try Self.captions(new, after, store) else {
                gone.append(step)
                continue
            }
            for index in 0..<max(was.count, now.count) {
                let texts = [was, now].map { index < $0.count ? $0[index].caption : nil }
                if texts[0] != texts[1] {
                    changes.append(Change(step: step, clip: index + 1, before: texts[0], after: texts[1]))
                }
            }
        }
    }

    /// None for a run without captions, nil for captions that are gone.
    private static func captions(_ artifact: Digest?, _ account: RunAccount, _ store: ObjectStore) throws -> [Caption]?
    {
        guard let artifact else { return [] }
        let entries = account.artifacts[artifact]?.manifest.entries ?? []
        guard let entry = entries.first(where: { $0.path == "captions.json" }), store.contains(entry.digest) else {
            return nil
        }
        return try JSONDecoder().decode([Caption].self, from: store.read(entry.digest))
    }
}

/// Scores of two runs, where they are not the same.
struct ScoreDifference {
    struct Change {
        let step: String
        /// Nil for the mean over all videos of the step.
        let video: String?
        let key: String
        let title: String
        let before: Double?
        let after: Double?

        var difference: Double? {
            guard let before, let after else { return nil }
            return after - before
        }
    }

    private(set) var changes: [Change] = []
    /// Steps that could not be compared, because the store has not both any more.
    private(set) var gone: [String] = []

    init(_ before: RunAccount, _ after: RunAccount, _ store: ObjectStore) throws {
        let (old, new) = (try before.scores(in: store), try after.scores(in: store))
        // The same scores are the same, whether they are there or not.
        gone = Set(old.gone + new.gone).filter { step in
            before.attempt(at: step)?.outputs.map(\.artifact) != after.attempt(at: step)?.outputs.map(\.artifact)
        }.sorted()
        let steps =
            new.found.map(\.step) + old.found.map(\.step).filter { step in !new.found.contains { $0.step == step } }
        for step in steps where !gone.contains(step) {
            let (was, now) = (
                old.found.first { $0.step == step }?.scores, new.found.first { $0.step == step }?.scores
            )
            let columns = ScoreDocument.columns(
                of: Set((was?.mean.keys).map(Array.init) ?? []).union(now?.mean.keys.map { $0 } ?? []))
            func add(_ video: String?, _ left: [String: Double]?, _ right: [String: Double]?) {
                for (key, title) in columns where left?[key] != right?[key] {
                    changes.append(
                        Change(
                            step: step, video: video, key: key, title: title, before: left?[key], after: right?[key]))
                }
            }
            add(nil, was?.mean, now?.mean)
            let videos = [was, now].map { document in
                Dictionary((document?.videos ?? []).map { ("\($0.prompt), seed \($0.seed)", $0.values) }) { first, _ in
                    first
                }
            }
            for video in Set(videos[0].keys).union(videos[1].keys).sorted() {
                add(video, videos[0][video], videos[1][video])
            }
        }
    }
}
