import Artifacts
import Foundation
import Lineage
import Pipelines
import StageKit
import Storage
import Testing

@testable import Execution

/// Questions about what is in the cache: explain, lineage, verify, gc, get.
@Suite("Audit")
struct AuditTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func steps(_ source: String, _ text: String = "m") throws -> [PlannedStep] {
        [
            .step("read", sources: [try bench.source("in.txt", source)]), .step("mid", text: text, after: ["read"]),
            .step("last", text: "l", after: ["mid", "read"]),
        ]
    }

    @Test("explain follows a changed input up to the file of the user's")
    func explainCascade() async throws {
        try await bench.run(try steps("one"))
        try await bench.run(try steps("two"))
        let explanation = try #require(try bench.engine().explain("last", of: "test").first)
        #expect(explanation.step == "last")
        #expect(explanation.newer.cause == "input in changed")
        #expect(explanation.changes.map(\.change.description) == ["input in changed"])
        let upstream = explanation.changes[0].upstream
        #expect(upstream.map(\.step) == ["mid", "read"])
        #expect(upstream[0].changes[0].upstream.map(\.step) == ["read"])
        // The reading step is told in full once, where it comes first.
        #expect(upstream[1].isRepeated)
        #expect(upstream[1].changes.isEmpty)
        let source = try #require(upstream[0].changes[0].upstream[0].changes[0].sources.first)
        #expect(source.name.hasSuffix("in.txt"))
        #expect(source.before == Digest(of: "one").short)
        #expect(source.after == Digest(of: "two").short)
    }

    @Test("explain compares what two runs used, made or found")
    func explainRuns() async throws {
        let a = try #require(try await bench.run(try steps("one", "A")).report.run)
        let b = try #require(try await bench.run(try steps("one", "B")).report.run)
        let engine = bench.engine()
        let middle = try #require(try engine.explain("mid", run: b, against: a).first)
        #expect(middle.changes.map(\.change.description) == ["setting text changed from \"A\" to \"B\""])
        #expect(middle.changes.map(\.change.field) == ["settings.text"])
        let same = try #require(try engine.explain("read", run: b, against: a).first)
        #expect(same.changes.isEmpty)
        #expect(same.newer.run == a)
        let back = try #require(try engine.explain("mid", run: a, against: b).first)
        #expect(back.changes.map(\.change.description) == ["setting text changed from \"B\" to \"A\""])
        #expect(throws: ExecutionError.self) { try engine.explain("nobody") }
    }

    @Test("explain tells where a setting was given, then and now; the place alone changes no key")
    func explainPlaces() async throws {
        func steps(_ text: String, _ place: SourcePlace?) -> [PlannedStep] {
            [.step("s", text: text, settingPlaces: place.map { ["text": $0] } ?? [:])]
        }
        try await bench.run(steps("A", nil))
        try await bench.run(steps("B", SourcePlace(file: "model.yaml", line: 3, column: 12)))
        let change = try #require(try bench.engine().explain("s").first?.changes.first)
        #expect(change.placeBefore == nil && change.placeAfter == "model.yaml:3:12")
        let flag = SourcePlace(file: "--set s.text=B", line: 1, column: 1)
        #expect(try await bench.run(steps("B", flag)).report.summary == ["s: hit"])
        try await bench.run(steps("C", flag))
        let next = try #require(try bench.engine().explain("s").first?.changes.first)
        #expect(next.placeAfter == "--set s.text=B" && next.placeBefore == "model.yaml:3:12")
    }

    @Test("explain tells a changed fact of a clip by its file")
    func explainAttributes() async throws {
        let url = bench.folder.appending(path: "clip.mp4")
        try "bytes".write(to: url, atomically: true, encoding: .utf8)
        func steps(_ prompt: String) -> [PlannedStep] {
            let input = SourceInput(
                kind: .clips, files: [SourceInput.File(path: "0.mp4", url: url)],
                attributes: .list([.map(["prompt": .string(prompt)])]))
            return [.step("frames", sources: [.source(input)])]
        }
        try await bench.run(steps("a cat"))
        try await bench.run(steps("a dog"))
        let explanation = try #require(try bench.engine().explain("frames").first)
        #expect(
            explanation.changes.flatMap(\.sources) == [
                Explanation.SourceChange(name: "prompt of 0.mp4", before: "\"a cat\"", after: "\"a dog\"")
            ])
    }

    @Test("explain of a step with parts explains each")
    func explainParts() async throws {
        try await bench.run([
            .step("s", element: "a", part: "1"), .step("s", element: "b", part: "2"),
        ])
        #expect(try bench.engine().explain("s").map(\.step) == ["s[1]", "s[2]"])
        #expect(try bench.engine().explain("s[2]").map(\.step) == ["s[2]"])
    }

    @Test("from the bytes of a result, wherever they lie, back to source, settings and models")
    func lineageUp() async throws {
        let report = try await bench.run(try steps("one")).report
        let copy = bench.folder.appending(path: "renamed.bin")
        try bench.text(of: report.output("last")).write(to: copy, atomically: true, encoding: .utf8)
        let tree = try bench.engine().lineageTree(of: copy.path, .up)
        #expect(tree.root.kind == .object)
        var titles: [String] = []
        var facts: [String: String] = [:]
        func walk(_ node: LineageTree.Node, _ depth: Int) {
            titles.append(node.title)
            for fact in node.facts + node.settings { facts["\(node.title)/\(fact.name)"] = fact.value }
            for edge in node.edges { walk(edge.node, depth + 1) }
        }
        walk(tree.root, 0)
        #expect(titles[0] == "renamed.bin")
        #expect(titles.contains("last: join version 1"))
        #expect(titles.contains("mid: join version 1"))
        #expect(titles.contains { $0.hasSuffix("/in.txt") })
        #expect(facts["mid: join version 1/text"] == "\"m\"")
        #expect(facts["mid: join version 1/kernels"] == "none")
        // The source is read twice, and told in full once.
        let artifact = try report.output("read")
        var isRepeated: [Bool] = []
        func find(_ node: LineageTree.Node) {
            if node.id == artifact.hex { isRepeated.append(node.isRepeated) }
            node.edges.forEach { find($0.node) }
        }
        find(tree.root)
        #expect(isRepeated == [false, true])
        let byDigest = try bench.engine().lineageTree(of: String(try report.output("last").hex.prefix(10)), .up)
        #expect(byDigest.root.kind == .artifact)
        #expect(try bench.engine().lineageTree(of: "last", .up).root.kind == .attempt)
        #expect(throws: ExecutionError.self) { try bench.engine().lineageTree(of: "feed0feed0", .up) }
    }

    @Test("from a source down to all that was made of it")
    func lineageDown() async throws {
        try await bench.run(try steps("one"))
        let tree = try bench.engine().lineageTree(of: bench.folder.appending(path: "in.txt").path, .down)
        var attempts: Set<String> = []
        func walk(_ node: LineageTree.Node) {
            if node.kind == .attempt { attempts.insert(String(node.title.prefix { $0 != ":" })) }
            node.edges.forEach { walk($0.node) }
        }
        walk(tree.root)
        #expect(attempts == ["read", "mid", "last"])
    }

    @Test("verify finds what is damaged and what is missing, and says whose it is")
    func verify() async throws {
        let report = try await bench.run(try steps("one")).report
        let clean = try bench.engine().verify(readData: true)
        #expect(clean.isClean)
        #expect(clean.findings.isEmpty)
        #expect(clean.artifacts == 3)
        let mid = try #require(try bench.store.manifest(of: report.output("mid")).entries.first).digest
        try bench.store.remove(mid)
        let broken = try bench.engine().verify(readData: false)
        #expect(!broken.isClean)
        #expect(broken.findings.map(\.kind) == [.missing])
        #expect(broken.findings.first?.message == "object \(mid.short) is missing: out.txt in file of mid")
    }

    @Test("gc without limits takes nothing that an artifact needs")
    func gcWithoutLimits() async throws {
        try await bench.run(try steps("one", "A"))
        try await bench.run(try steps("one", "B"))
        let plan = try bench.engine().planCollection(CollectionPolicy())
        #expect(plan.evicted.isEmpty)
        #expect(plan.objects.isEmpty)
        #expect(plan.kept.count == 5)
        #expect(Set(plan.kept.compactMap(\.reason?.description)).contains("no limit was given"))
    }

    @Test("gc takes what the latest run does not use, lineage remembers it, and it can be made again")
    func gcKeepRuns() async throws {
        let first = try await bench.run(try steps("one", "A")).report
        let second = try await bench.run(try steps("one", "B")).report
        let engine = bench.engine()
        let plan = try engine.planCollection(CollectionPolicy(keepRuns: 1))
        #expect(Set(plan.evicted.map(\.digest)) == [try first.output("mid"), try first.output("last")])
        #expect(plan.kept.allSatisfy { $0.reason == .recentRun(second.run ?? RunID("")) })
        #expect(plan.freedBytes > 0)
        let before = try bench.store.allObjects().count
        #expect(try engine.collect(plan) == plan.freedBytes)
        #expect(try bench.store.allObjects().count == before - plan.objects.count)
        #expect(try engine.verify(readData: true).isClean)
        #expect(try await bench.run(try steps("one", "B")).report.wasUpToDate)
        #expect(
            try bench.forecast(try steps("one", "A")) == [
                "read: hit", "mid: run, output out missing in the store", "last: maybe, input in may change: mid runs",
            ])
        let tree = try engine.lineageTree(of: first.output("mid").hex, .up)
        #expect(tree.root.edges.first?.node.title == "mid: join version 1")
        #expect(tree.root.facts.contains { $0.name == "bytes" && $0.value.hasPrefix("evicted ") })
        #expect(tree.root.facts.contains { $0.name == "recomputable" && $0.value.hasPrefix("yes, in some ") })
        let again = try await bench.run(try steps("one", "A")).report
        #expect(try again.output("last") == first.output("last"))
        // What went and came back is missed when it is lost.
        #expect(try engine.verify(readData: true).artifacts == 5)
        try bench.store.remove(again.output("mid"))
        #expect(try engine.verify(readData: false).findings.map(\.kind) == [.missing])
    }

    @Test("a run of some of the steps does not count as the latest run: the results of the others stay")
    func gcPartialRun() async throws {
        let first = try await bench.run(try steps("one", "A")).report
        try await bench.run(try steps("one", "A"), RunRequest(steps: ["mid"], force: .named))
        #expect(try bench.engine().planCollection(CollectionPolicy(keepRuns: 1)).evicted.isEmpty)
        try await bench.run(try steps("one", "B"))
        let evicted = try bench.engine().planCollection(CollectionPolicy(keepRuns: 1)).evicted.map(\.digest)
        #expect(Set(evicted) == [try first.output("mid"), try first.output("last")])
    }

    @Test("a pinned artifact stays whatever the limits; age and size are kept to")
    func gcLimits() async throws {
        let first = try await bench.run(try steps("one", "A")).report
        try await bench.run(try steps("one", "B"))
        try bench.lineage.pin(Pin(.artifact(try first.output("mid"))))
        let engine = bench.engine()
        let all = try engine.planCollection(CollectionPolicy(olderThan: 0, keepRuns: 0))
        #expect(all.kept.map(\.digest) == [try first.output("mid")])
        #expect(all.kept.map(\.reason) == [.pinned])
        #expect(try engine.planCollection(CollectionPolicy(olderThan: 3600, keepRuns: 0)).evicted.isEmpty)
        let stored = all.storedBytes
        let some = try engine.planCollection(CollectionPolicy(maxSize: stored - 1, keepRuns: 0))
        #expect(some.evicted.count == 1)
        #expect(some.freedBytes >= 1)
        #expect(try engine.planCollection(CollectionPolicy(maxSize: stored, keepRuns: 0)).evicted.isEmpty)
    }

    @Test("get writes copies that the user may change, and never over a file that is there")
    func restore() async throws {
        let report = try await bench.run(try steps("one")).report
        let engine = bench.engine()
        let folder = bench.folder.appending(path: "results")
        let files = try engine.restore("last", to: folder)
        #expect(files.map(\.lastPathComponent) == ["out.txt"])
        #expect(try String(contentsOf: files[0], encoding: .utf8) == (try bench.text(of: report.output("last"))))
        #expect(FileManager.default.isWritableFile(atPath: files[0].path))
        try "mine".write(to: files[0], atomically: true, encoding: .utf8)
        #expect(throws: ExecutionError.wouldOverwrite(files[0])) { try engine.restore("mid", to: folder) }
        #expect(try String(contentsOf: files[0], encoding: .utf8) == "mine")
        try engine.restore(report.output("mid").hex, to: folder, replacing: true)
        #expect(try String(contentsOf: files[0], encoding: .utf8) == (try bench.text(of: report.output("mid"))))
        #expect(throws: ExecutionError.self) { try engine.restore("last", port: "nothing", to: folder) }
        let object = try #require(try bench.store.manifest(of: report.output("mid")).entries.first).digest
        let single = try engine.restore(object.hex, to: bench.folder.appending(path: "one"))
        #expect(single.map(\.lastPathComponent) == ["out.txt"])
        try bench.store.remove(object)
        #expect(throws: ExecutionError.self) { try engine.restore("mid", to: folder, replacing: true) }
    }

    @Test("get of a step with parts gives each a folder of its own")
    func restoreParts() async throws {
        try await bench.run([
            .step("s", element: "a", part: "1"), .step("s", element: "b", part: "2"),
        ])
        let folder = bench.folder.appending(path: "results")
        let files = try bench.engine().restore("s", to: folder)
        #expect(files.map { $0.path.dropFirst(folder.path.count) } == ["/s[1]/out.txt", "/s[2]/out.txt"])
    }
}
