import Artifacts
import Foundation
import Storage
import Synchronization
import Testing

@Suite struct ConcurrencyTests {
    @Test("eight threads publish, read and remove the same content without error")
    func threads() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = (0..<4).map { bytes(20_000, seed: UInt64($0)) }
        let folders = try (0..<8).map { thread in
            try temporary.folder("a\(thread)", ["x": data[thread % 4], "y": data[(thread + 1) % 4]])
        }
        let root = temporary.url
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for round in 0..<5 {
                do {
                    let stored = try store.publish(folder: folders[thread], kind: .files)
                    let back = root.appending(path: "b\(thread)-\(round)")
                    do {
                        try store.restore(stored.digest, to: back)
                        let found = try contents(of: back)
                        let written = try contents(of: folders[thread])
                        #expect(found == written)
                    } catch StorageError.missing {
                        // Another thread has just removed it: a miss, as it should be.
                    }
                    if round == 3 { try store.remove(Digest(of: data[thread % 4])) }
                } catch {
                    Issue.record(error)
                }
            }
        }
        for folder in folders { _ = try store.publish(folder: folder, kind: .files) }
        #expect(try store.verify(readData: true).findings.isEmpty)
        #expect(try store.names(in: "tmp").isEmpty)
        #expect(try store.names(in: "quarantine").isEmpty)
    }

    @Test("two batches of one object: both commit, one file")
    func twoWriters() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = bytes(50_000, seed: 9)
        var first = store.batch()
        var second = store.batch()
        #expect(try first.add(data) == second.add(data))
        try first.commit()
        try second.commit()
        #expect(try store.allObjects().map(\.digest) == [Digest(of: data)])
        #expect(try store.read(Digest(of: data)) == data)
        #expect(try store.names(in: "tmp").isEmpty)
    }

    @Test("what killed processes leave behind is swept, what live ones use is not")
    func sweeping() async throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let path = store.root.path(percentEncoded: false)
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let store = try ObjectStore(at: URL(filePath: path))
            let scratch = try store.makeScratch("dead-attempt")
            try Data("half".utf8).write(to: scratch.appending(path: "half.bin"))
            try FileManager.default.createDirectory(
                at: scratch.appending(path: "deep/er"), withIntermediateDirectories: true)
            chmod(scratch.appending(path: "deep").path(percentEncoded: false), 0o500)
            var batch = store.batch()
            _ = try batch.add(Data("never published".utf8))
            kill(getpid(), SIGKILL)
        }
        let mine = try store.makeScratch("live-attempt")
        try Data("mine".utf8).write(to: mine.appending(path: "x"))
        let here = ProcessIdentity.current
        let elsewhere = ProcessIdentity(host: "elsewhere", boot: "b", space: "", pid: 1, started: 1)
        let earlier = ProcessIdentity(
            host: here.host, boot: "an earlier boot", space: here.space, pid: here.pid, started: here.started)
        _ = try store.makeScratch("other-host", owner: elsewhere)
        _ = try store.makeScratch("before-the-restart", owner: earlier)
        try FileManager.default.createDirectory(
            at: store.root.appending(path: "tmp/unknown"), withIntermediateDirectories: false)
        #expect(try store.names(in: "tmp").contains { $0.hasPrefix("batch-") })

        #expect(try store.sweep() == ["before-the-restart", "dead-attempt"])
        #expect(
            try store.names(in: "tmp") == [
                "live-attempt", "live-attempt.owner", "other-host", "other-host.owner", "unknown",
            ])
        #expect(try store.sweep(olderThan: -10) == ["other-host"])
        #expect(try store.names(in: "tmp") == ["live-attempt", "live-attempt.owner"])
        #expect(throws: StorageError.exists(path: "\(path)/tmp/live-attempt")) { try store.makeScratch("live-attempt") }
        try store.removeScratch("live-attempt")
        #expect(try store.names(in: "tmp").isEmpty)
        #expect(try store.allObjects().isEmpty)
    }

    @Test("a removal that goes by an old date never takes what is published in the same moment")
    func removalOfTheMoment() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = Data("the same".utf8)
        let digest = Digest(of: data)
        for round in 0..<600 {
            // It is there from long ago, or it is not, and then was written before the date.
            if round % 10 == 0 {
                try store.remove(digest)
            } else {
                var first = store.batch()
                _ = try first.add(data)
                try first.commit()
                try FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSince1970: 1000)],
                    ofItemAtPath: store.place(of: digest).path(percentEncoded: false))
            }
            var batch = store.batch()
            _ = try batch.add(data)
            if round % 10 == 0 { Thread.sleep(forTimeInterval: 0.02) }
            let date = Date() - 0.01
            let last = Mutex<PublishBatch?>(batch)
            DispatchQueue.concurrentPerform(iterations: 2) { index in
                do {
                    if index == 0 {
                        try last.withLock { $0.take() }?.commit()
                    } else {
                        try store.remove(digest, unlessPublishedSince: date)
                    }
                } catch {
                    Issue.record(error)
                }
            }
            #expect(store.contains(digest), "round \(round)")
        }
    }

    @Test("a process that still writes does not hinder the sweep, nor does a name that is no text")
    func lateWriter() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let isDone = Atomic<Bool>(false)
        let tmp = store.root.appending(path: "tmp").path(percentEncoded: false)
        let writer = DispatchQueue(label: "writer")
        writer.async {
            while !isDone.load(ordering: .relaxed) {
                for round in 0..<200 {
                    let file = open("\(tmp)/dead-\(round)/out/late", O_WRONLY | O_CREAT, 0o666)
                    if file >= 0 { close(file) }
                }
            }
        }
        defer {
            isDone.store(true, ordering: .relaxed)
            writer.sync {}
        }
        for round in 0..<200 {
            let folder = try store.makeScratch("dead-\(round)", owner: .dead).path(percentEncoded: false)
            let odd = Array("\(folder)/out/".utf8CString.dropLast()) + [-1, -2, 0]
            #expect(mkdir("\(folder)/out", 0o777) == 0 && mkdir(odd, 0o777) == 0)
            while access("\(folder)/out/late", F_OK) != 0 { usleep(100) }
            #expect(try store.sweep() == ["dead-\(round)"])
        }
        #expect(try store.names(in: "tmp").isEmpty)
    }

    @Test("a link is removed as a link, also where it may not be: what it leads to stays")
    func links() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let precious = try temporary.folder("precious", ["x": Data("x".utf8)])
        let scratch = try store.makeScratch("dead", owner: .dead)
        try FileManager.default.createSymbolicLink(
            at: scratch.appending(path: "link"), withDestinationURL: precious)
        #expect(try store.sweep() == ["dead"])
        #expect(try contents(of: precious).count == 1)

    }

    @Test(
        "in a folder from which only owners remove, another user's link is left, and what it leads to",
        .enabled(if: getuid() == 0, "only root can become another user"))
    func stickyLink() async throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let precious = try temporary.folder("precious", ["x": Data("x".utf8)])
        let tmp = store.root.appending(path: "tmp").path(percentEncoded: false)
        _ = try store.makeScratch("other", owner: .dead)
        #expect(rmdir("\(tmp)/other") == 0)
        #expect(symlink(precious.path(percentEncoded: false), "\(tmp)/other") == 0)
        let others = ["", "objects", "quarantine"].map { store.root.appending(path: $0).path }
        for path in [temporary.url.path, precious.path, precious.appending(path: "x").path] + others {
            chmod(path, 0o777)
        }
        chmod(tmp, 0o1777)
        let root = store.root.path(percentEncoded: false)
        await #expect(processExitsWith: .success) { [root = root as String] in
            guard setuid(65534) == 0 else { exit(1) }
            let store = try ObjectStore(at: URL(filePath: root))
            guard !store.isReadOnly, try store.sweep().isEmpty else { exit(2) }
        }
        #expect(try contents(of: precious).count == 1)
        #expect(try store.sweep() == ["other"])
        #expect(try contents(of: precious).count == 1)
    }

    @Test("what was published lately is spared by gc, also when it was already there")
    func removal() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let folder = try temporary.folder("a", ["x": bytes(5000, seed: 1)])
        let stored = try store.publish(folder: folder, kind: .files)
        let digest = stored.manifest.entries[0].digest
        let place = store.place(of: digest).path(percentEncoded: false)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1000)], ofItemAtPath: place)
        let hourAgo = Date(timeIntervalSinceNow: -3600)
        #expect(try store.allObjects().first { $0.digest == digest }?.published == Date(timeIntervalSince1970: 1000))
        _ = try store.publish(folder: folder, kind: .files)
        #expect(try store.remove(digest, unlessPublishedSince: hourAgo) == 0)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1000)], ofItemAtPath: place)
        let size = try #require(try store.allObjects().first { $0.digest == digest }?.storedBytes)
        #expect(try store.remove(digest, unlessPublishedSince: hourAgo) == size)
        #expect(try store.remove(digest) == 0)
        #expect(!store.contains(digest) && store.contains(stored.digest))
    }

    @Test("a file that is written while it is published is refused")
    func changing() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let folder = try temporary.folder("a", ["x": bytes(32_000_000, seed: 1)])
        let file = folder.appending(path: "x").path(percentEncoded: false)
        let isDone = DispatchSemaphore(value: 0)
        let writer = Thread {
            let descriptor = open(file, O_WRONLY | O_APPEND)
            while isDone.wait(timeout: .now() + 0.0005) == .timedOut { _ = write(descriptor, "x", 1) }
            close(descriptor)
        }
        writer.start()
        #expect(throws: StorageError.changedWhileReading(path: file)) {
            try store.publish(folder: folder, kind: .files)
        }
        isDone.signal()
        #expect(try store.allObjects().isEmpty)
    }
}

extension ProcessIdentity {
    /// One of this host, before it was started again.
    fileprivate static var dead: ProcessIdentity {
        ProcessIdentity(host: current.host, boot: "earlier", space: current.space, pid: 1, started: 1)
    }
}
