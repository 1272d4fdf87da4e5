import Artifacts
import Foundation
import Lineage
import Synchronization
import Testing

@Suite struct LeaseTests {
    private let key = Digest(of: "work")
    private let here = ProcessIdentity.current

    private func owner(
        host: String? = nil, boot: String? = nil, pid: Int? = nil, started: Int? = nil
    ) -> ProcessIdentity {
        ProcessIdentity(
            host: host ?? here.host, boot: boot ?? here.boot, space: here.space, pid: pid ?? here.pid,
            started: started ?? here.started)
    }

    private func lease(_ answer: LeaseAnswer) throws -> Lease {
        guard case .acquired(let lease, _) = answer else { throw LineageError.notFound(what: "lease: \(answer)") }
        return lease
    }

    @Test("a key has one holder; a released one can be had again, under a higher token")
    func exclusive() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        var watch = LeaseWatch()
        let first = try lease(database.acquire(key, watch: &watch))
        #expect(try database.acquire(key, watch: &watch) == .held(by: here))
        #expect(try database.holder(of: key) == here)
        let other = try lease(database.acquire(Digest(of: "other work"), watch: &watch))
        #expect(try Set(database.leases()) == [first, other])
        #expect(try database.renew([first, other]).isEmpty)
        try database.release(first)
        #expect(try database.holder(of: key) == nil)
        let second = try lease(database.acquire(key, watch: &watch))
        #expect(second.token > first.token)
        // What was given back is not given back twice.
        try database.release(first)
        #expect(try database.holder(of: key) == here)
        #expect(try database.renew([first, second]) == [first])
    }

    @Test("the lease of a dead holder is taken at once: pid gone, pid reused, host restarted")
    func takeover() throws {
        let dead = [owner(pid: 4_194_305), owner(started: here.started - 1), owner(boot: "an earlier boot")]
        for holder in dead {
            let cache = try TemporaryCache()
            let database = try cache.database()
            var watch = LeaseWatch()
            let run = try database.newRun(process: holder)
            var record = KeyRecord()
            try record.add("a", .int(1))
            let attempt = try database.begin(
                NewAttempt(run: run, step: "s", stage: "command", stageVersion: 1, record: record, cause: "first"))
            let old = try lease(database.acquire(record.digest, owner: holder, watch: &watch))
            guard case .acquired(let new, let previous) = try database.acquire(record.digest, watch: &watch) else {
                Issue.record("\(holder) kept its lease")
                continue
            }
            #expect(previous == holder)
            #expect(new.token > old.token)
            #expect(try database.read { try $0.attempt(attempt) }?.outcome == .abandoned)
        }
    }

    @Test("a holder elsewhere keeps its lease while its heartbeat moves, and loses it when that stands still")
    func heartbeat() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let elsewhere = owner(host: "elsewhere")
        var watch = LeaseWatch(patience: .milliseconds(80))
        let old = try lease(database.acquire(key, owner: elsewhere, watch: &watch))
        for _ in 0..<4 {
            #expect(try database.acquire(key, watch: &watch) == .held(by: elsewhere))
            #expect(try database.renew([old]).isEmpty)
            Thread.sleep(forTimeInterval: 0.03)
        }
        #expect(try database.acquire(key, watch: &watch) == .held(by: elsewhere))
        Thread.sleep(forTimeInterval: 0.1)
        // A newcomer has seen nothing yet, and may not judge.
        var newcomer = LeaseWatch(patience: .milliseconds(80))
        #expect(try database.acquire(key, watch: &newcomer) == .held(by: elsewhere))
        guard case .acquired(let new, let previous) = try database.acquire(key, watch: &watch) else {
            Issue.record("the lease was not taken over")
            return
        }
        #expect(previous == elsewhere && new.owner == here && new.token > old.token)
        #expect(try database.renew([old]) == [old])
    }

    @Test("a late result does not pass the fence; that of the new holder does, and frees the key")
    func fencing() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        var watch = LeaseWatch(patience: .zero)
        let fields: [String: Value] = ["a": .int(1)]
        let work = try keyRecord(fields).digest
        let output = manifest(.file, "result")
        let result = AttemptResult(
            outcome: .succeeded, outputs: [.init(port: "out", artifact: try output.digest(), manifest: output)])
        func attempt(_ process: ProcessIdentity) throws -> AttemptID {
            try database.begin(
                NewAttempt(
                    run: database.newRun(process: process), step: "s", stage: "command", stageVersion: 1,
                    record: keyRecord(fields), cause: "first"))
        }
        // Stopped, not dead: only the heartbeat tells.
        let stopped = owner(host: "elsewhere")
        let slow = try attempt(stopped)
        let old = try lease(database.acquire(work, owner: stopped, watch: &watch))
        let new = try lease(database.acquire(work, watch: &watch))
        let fast = try attempt(here)
        #expect(throws: LineageError.leaseLost(key: work)) { try database.finish(slow, result, lease: old) }
        #expect(try database.read { try $0.result(for: work) } == nil)
        try database.finish(fast, result, lease: new)
        #expect(try database.read { try $0.result(for: work) }?.attempt == fast)
        #expect(try database.holder(of: work) == nil)
        #expect(throws: LineageError.leaseLost(key: work)) { try database.finish(slow, result, lease: old) }
    }

    @Test("what dead processes left running is marked at the next start, what others do is left alone")
    func abandoned() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        var watch = LeaseWatch()
        var attempts: [AttemptID] = []
        var runs: [RunID] = []
        for process in [owner(pid: 4_194_305), owner(host: "elsewhere"), here] {
            let run = try database.newRun(process: process)
            runs.append(run)
            let fields = try keyRecord(["pid": .string("\(process)")])
            attempts.append(
                try database.begin(
                    NewAttempt(run: run, step: "s", stage: "command", stageVersion: 1, record: fields, cause: "first")))
            _ = try database.acquire(fields.digest, owner: process, watch: &watch)
        }
        #expect(try database.abandonDead() == [attempts[0]])
        #expect(try database.abandonDead().isEmpty)
        try database.read { reader throws in
            let outcomes = try runs.map { try reader.run($0)?.outcome }
            #expect(outcomes == [.abandoned, .running, .running])
            let attempted = try attempts.map { try reader.attempt($0)?.outcome }
            #expect(attempted == [.abandoned, .running, .running])
        }
        #expect(try database.leases().count == 2)
    }

    @Test("of eight threads that want a key at once, one has it at a time")
    func threads() throws {
        let cache = try TemporaryCache()
        let url = cache.url
        let inside = Atomic<Int>(0)
        let done = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            do {
                // Each opens for itself: nothing is there yet, so all of them make the tables at once.
                let database = try LineageDatabase(in: url)
                var watch = LeaseWatch()
                while true {
                    guard case .acquired(let lease, _) = try database.acquire(Digest(of: "k"), watch: &watch) else {
                        Thread.sleep(forTimeInterval: 0.002)
                        continue
                    }
                    #expect(inside.wrappingAdd(1, ordering: .relaxed).newValue == 1)
                    Thread.sleep(forTimeInterval: 0.003)
                    inside.wrappingSubtract(1, ordering: .relaxed)
                    try database.release(lease)
                    done.wrappingAdd(1, ordering: .relaxed)
                    return
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(done.load(ordering: .relaxed) == 8)
    }

    @Test("of eight processes that want a key at once, one does the work, even when the first is killed at it")
    func processes() async throws {
        let cache = try TemporaryCache()
        let path = cache.url.path(percentEncoded: false)
        _ = try cache.database()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    await #expect(processExitsWith: index == 0 ? .signal(SIGKILL) : .success) {
                        [path = path as String, index = index as Int] in
                        try work(in: path, dies: index == 0)
                    }
                }
            }
        }
        let database = try cache.database()
        let attempts = try database.read { try $0.attempts(ofStep: "s") }
        #expect(attempts.filter { $0.outcome == .succeeded }.count == 1)
        #expect(attempts.filter { $0.outcome == .abandoned }.count <= 1)
        #expect(attempts.count <= 2)
        #expect(try database.leases().isEmpty)
    }
}

/// What one of several processes does: take the lease or wait for the result of who has it.
private func work(in path: String, dies: Bool) throws {
    let database = try LineageDatabase(in: URL(filePath: path))
    let fields = try keyRecord(["a": .int(1)])
    var watch = LeaseWatch()
    let run = try database.newRun()
    while true {
        if try database.read({ try $0.result(for: fields.digest) }) != nil, !dies {
            return try database.end(run, .succeeded)
        }
        guard case .acquired(let lease, _) = try database.acquire(fields.digest, watch: &watch) else {
            if try dies && database.read({ try $0.result(for: fields.digest) }) != nil { kill(getpid(), SIGKILL) }
            Thread.sleep(forTimeInterval: 0.005)
            continue
        }
        // Somebody may have finished between the look and the lease.
        if try database.read({ try $0.result(for: fields.digest) }) != nil {
            try database.release(lease)
            if dies { kill(getpid(), SIGKILL) }
            continue
        }
        let attempt = try database.begin(
            NewAttempt(run: run, step: "s", stage: "command", stageVersion: 1, record: fields, cause: "first"))
        Thread.sleep(forTimeInterval: 0.05)
        if dies { kill(getpid(), SIGKILL) }
        let output = manifest(.file, "result")
        try database.finish(
            attempt,
            AttemptResult(
                outcome: .succeeded, outputs: [.init(port: "out", artifact: output.digest(), manifest: output)]),
            lease: lease)
    }
}
