import Artifacts
import Foundation
@testable import Lineage
import Testing

@Suite struct RecordingTests {
    @Test("everything that is recorded of a run and its attempts reads back")
    func roundTrip() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let new = NewRun(
            pipeline: "golf", file: "dir/golf.yaml", text: "name: golf # é\n",
            commandLine: ["motrans", "run", "a \"b\""],
            toolVersion: "1.2", started: epoch)
        let run = try database.begin(new)
        #expect(try database.read { try $0.run(run) } == RunRecord(id: run, run: new, ended: nil, outcome: .running))

        let clip = manifest(.clips, "clip")
        try database.record([(clip.digest(), clip)])
        let attempt = NewAttempt(
            run: run, step: "samples[2]", stage: "sampling", stageVersion: 3,
            record: try keyRecord(["stage": .string("sampling"), "settings.guidance": .double(12)]),
            settingPlaces: ["guidance": "golf.yaml:3:21"], element: .map(["prompt": .string("a robot")]),
            cause: "settings.guidance: 9.0 → 12.0",
            inputs: [
                ArtifactUse(port: "motion", artifact: Digest(of: "m"), kind: .motionAdapter),
                ArtifactUse(port: "references", position: 0, artifact: try clip.digest(), kind: .clips),
                ArtifactUse(port: "references", position: 1, artifact: Digest(of: "r"), kind: .clips),
            ],
            models: [
                ModelUse(part: "unet", digest: Digest(of: "unet"), path: "models/tiny/unet"),
                ModelUse(part: "vae", digest: Digest(of: "vae"), path: "models/tiny/vae"),
            ], started: epoch)
        let id = try database.begin(attempt)
        let video = manifest(.videos, "video", path: "seed-1.mp4")
        let latents = manifest(.latents, "latents")
        let usage = AttemptUsage(
            wallSeconds: 12.5, cpuSeconds: 24.25, peakMemory: 1 << 33, kernels: "avx2, OpenBLAS", threads: 2)
        try database.finish(
            id,
            AttemptResult(
                outcome: .succeeded,
                outputs: [
                    .init(port: "videos", artifact: video.digest(), manifest: video),
                    .init(port: "latents", artifact: latents.digest(), manifest: latents),
                ], log: "line 1\nline 2\n", ended: epoch.addingTimeInterval(12.5), usage: usage))
        try database.record([RunStep(step: "frames", stage: "frame-extraction", decision: .hit)], in: run)
        try database.end(run, .succeeded, at: epoch.addingTimeInterval(20))

        try database.read { reader throws in
            let found = try #require(try reader.attempt(id))
            #expect(found.attempt == attempt)
            #expect(found.key == attempt.record.digest)
            #expect(found.outcome == .succeeded && found.error == nil)
            #expect(found.ended == epoch.addingTimeInterval(12.5))
            #expect(found.usage == usage)
            #expect(found.outputs.map(\.port) == ["latents", "videos"])
            #expect(try reader.log(of: id) == "line 1\nline 2\n")
            #expect(try reader.artifact(video.digest())?.manifest == video)
            #expect(try reader.artifacts().map(\.manifest) == [clip, video, latents])
            #expect(
                try reader.steps(of: run) == [
                    RunStep(
                        step: "samples[2]", stage: "sampling", decision: .run, cause: "settings.guidance: 9.0 → 12.0",
                        attempt: id),
                    RunStep(step: "frames", stage: "frame-extraction", decision: .hit),
                ])
            #expect(try reader.run(run)?.outcome == .succeeded)
            #expect(try reader.run(run)?.ended == epoch.addingTimeInterval(20))
            let result = try #require(try reader.result(for: found.key))
            #expect(result.attempt == id && result.run == run)
            #expect(try result.outputs.map(\.artifact) == [latents.digest(), video.digest()])
            #expect(
                try Set(result.objects) == [
                    latents.digest(), video.digest(), Digest(of: "latents"), Digest(of: "video"),
                ])
            #expect(
                try reader.artifacts(ofRuns: [run]) == [
                    Digest(of: "m"), Digest(of: "r"), clip.digest(), video.digest(), latents.digest(),
                ])
        }
    }

    @Test("failed, cancelled and unfinished attempts are recorded, and are no results")
    func noResults() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let run = try database.newRun()
        let fields: [String: Value] = ["a": .int(1)]
        let key = try keyRecord(fields).digest
        func attempt(at seconds: Double) throws -> AttemptID {
            try database.begin(
                NewAttempt(
                    run: run, step: "s", stage: "command", stageVersion: 1, record: keyRecord(fields), cause: "first",
                    started: epoch.addingTimeInterval(seconds)))
        }
        let failed = try attempt(at: 0)
        try database.finish(failed, AttemptResult(outcome: .failed, error: "ffmpeg ended with 1", log: "oops"))
        try database.finish(attempt(at: 1), AttemptResult(outcome: .cancelled))
        let open = try attempt(at: 2)
        #expect(try database.read { try $0.result(for: key) } == nil)
        #expect(
            try database.read { try $0.attempts(ofStep: "s") }.map(\.outcome) == [.running, .cancelled, .failed])
        #expect(try database.read { try $0.attempt(failed) }?.error == "ffmpeg ended with 1")
        #expect(try database.read { try $0.attempts(ofStep: "s", outcome: .failed) }.map(\.id) == [failed])
        #expect(throws: LineageError.leaseLost(key: key)) {
            try database.finish(failed, AttemptResult(outcome: .succeeded))
        }
        #expect(throws: LineageError.notFound(what: "attempt x")) {
            try database.finish(AttemptID("x"), AttemptResult(outcome: .failed))
        }
        try database.end(run, .cancelled)
        #expect(try database.read { try $0.attempt(open) }?.outcome == .abandoned)
        #expect(throws: LineageError.notFound(what: "run x")) { try database.end(RunID("x"), .failed) }
    }

    @Test("the latest result counts, unless it was revoked, or what it gave, or a file of that")
    func revocation() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let run = try database.newRun()
        let fields: [String: Value] = ["a": .int(1)]
        let key = try keyRecord(fields).digest
        let attempts = try (0..<4).map { index in
            try database.succeed(
                "s", in: run, key: fields, giving: manifest(.file, "v\(index)"),
                at: epoch.addingTimeInterval(Double(index)))
        }
        func latest() throws -> AttemptID? { try database.read { try $0.result(for: key) }?.attempt }
        #expect(try latest() == attempts[3])
        let revocations = try [
            Revocation(.attempt(attempts[3]), reason: "wrong clip", date: epoch),
            Revocation(.artifact(manifest(.file, "v2").digest()), reason: "withdrawn", date: epoch),
            Revocation(.file(Digest(of: "v1")), reason: "withdrawn", date: epoch),
            Revocation(.attempt(attempts[0]), reason: "all", date: epoch),
        ]
        for (revocation, expected) in zip(revocations, [attempts[2], attempts[1], attempts[0], nil]) {
            try database.revoke(revocation)
            #expect(try latest() == expected)
        }
        #expect(try Set(database.read { try $0.revocations() }) == Set(revocations))
    }

    @Test("what the latest run used is found at once, and is what is found key by key")
    func latestResults() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        #expect(try database.read { try $0.latestResults(of: "golf") }.isEmpty)
        func key(_ name: String) -> [String: Value] { ["a": .string(name)] }
        let first = try database.newRun()
        let old = try database.succeed("old", in: first, key: key("old"), giving: manifest(.file, "old"))
        try database.succeed("shared", in: first, key: key("shared"), giving: manifest(.file, "shared"))
        let hit = try database.succeed("hit", in: first, key: key("hit"), giving: manifest(.file, "hit"))
        let run = try database.newRun(at: epoch + 10)
        let new = try database.succeed("new", in: run, key: key("new"), giving: manifest(.file, "new"), at: epoch + 10)
        let twice = try database.succeed(
            "twice", in: run, key: key("twice"), giving: manifest(.file, "twice"), at: epoch + 10)
        try database.record(
            [
                RunStep(step: "hit", stage: "command", decision: .hit, attempt: hit),
                RunStep(step: "shared", stage: "command", decision: .skipped),
            ], in: run)
        // Another pipeline has done a step of it again since.
        let other = try database.newRun("tennis", at: epoch + 20)
        let again = try database.succeed(
            "x", in: other, key: key("twice"), giving: manifest(.file, "other"), at: epoch + 20)

        let found = try database.read { try $0.latestResults(of: "golf") }
        #expect(Set(found.values.map(\.attempt)) == [hit, new])
        for (digest, result) in found { #expect(try database.read { try $0.result(for: digest) } == result) }
        #expect(
            try database.read { try $0.result(for: keyRecord(key("twice")).digest) }?.attempt == again && again != twice
        )
        try database.revoke(Revocation(.attempt(old), reason: "no", date: epoch))
        #expect(try database.read { try $0.latestResults(of: "golf") }.isEmpty)
    }

    @Test("a transaction that fails records nothing of it")
    func atomicity() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let run = try database.newRun()
        let attempt = try database.begin(
            NewAttempt(
                run: run, step: "s", stage: "command", stageVersion: 1, record: keyRecord(["a": .int(1)]),
                cause: "first"))
        let good = manifest(.file, "good")
        let bad = Manifest(kind: .file, entries: [], attributes: .double(.nan))
        #expect(throws: LineageError.self) {
            try database.finish(
                attempt,
                AttemptResult(
                    outcome: .succeeded,
                    outputs: [
                        .init(port: "a", artifact: good.digest(), manifest: good),
                        .init(port: "b", artifact: Digest(of: "bad"), manifest: bad),
                    ]))
        }
        try database.read { reader throws in
            #expect(try reader.attempt(attempt)?.outcome == .running)
            #expect(try reader.attempt(attempt)?.outputs.isEmpty == true)
            #expect(try reader.artifacts().isEmpty)
        }
    }

    @Test("what an attempt is about to publish is not written down as gone, until it ends or its process does")
    func announcements() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let eviction = Eviction(digest: Digest(of: "x"), bytes: 1, reason: "gc", date: epoch)
        func isSpared() throws -> Bool { try database.record([eviction], unlessUsedSince: epoch + 60).isEmpty }
        func begin(_ run: RunID) throws -> AttemptID {
            try database.begin(
                NewAttempt(
                    run: run, step: "a", stage: "command", stageVersion: 1, record: keyRecord(["a": .int(1)]),
                    cause: "no earlier result", inputs: [], models: [], started: epoch))
        }
        let attempt = try begin(database.newRun())
        #expect(try !isSpared())
        try database.announce([eviction.digest, Digest(of: "y")], by: attempt)
        try database.announce([eviction.digest], by: attempt)
        #expect(try isSpared())
        try database.finish(attempt, AttemptResult(outcome: .failed, error: "no", log: ""))
        #expect(try !isSpared())

        let here = ProcessIdentity.current
        let gone = ProcessIdentity(host: here.host, boot: "earlier", space: here.space, pid: 1, started: 1)
        try database.announce([eviction.digest], by: begin(database.newRun(process: gone)))
        #expect(try !isSpared())
        try database.abandonDead()
        #expect(try database.read { try $0.database.rows("SELECT * FROM announcements").isEmpty })
    }

    @Test("pins, evictions and run lists")
    func smallThings() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let first = try database.newRun("golf")
        let second = try database.newRun("zigzag", at: epoch.addingTimeInterval(60))
        #expect(first < second)
        #expect(try database.read { try $0.runs() }.map(\.id) == [second, first])
        #expect(try database.read { try $0.runs(pipeline: "golf") }.map(\.id) == [first])
        #expect(try database.read { try $0.runs(limit: 1) }.map(\.id) == [second])
        let pins = [Pin(.artifact(Digest(of: "a")), note: "best", date: epoch), Pin(.run(first), date: epoch)]
        for pin in pins { try database.pin(pin) }
        #expect(try database.read { try $0.pins() } == pins)
        try database.unpin(.run(first))
        #expect(try database.read { try $0.pins() } == [pins[0]])
        let evictions = [
            Eviction(digest: Digest(of: "x"), bytes: 5, reason: "older than 30 days", date: epoch),
            Eviction(digest: Digest(of: "y"), bytes: 6, reason: "older than 30 days", date: epoch),
        ]
        try database.record(evictions)
        #expect(try database.read { try $0.evictions() } == evictions.reversed())
        #expect(first.text.hasPrefix("20260921-"))
    }
}
