import Foundation
import Testing

/// File systems that refuse, and clocks that are wrong; crash points and full disks are in `CrashPointTests`.
@Suite("Sick disks and clocks")
struct SickDiskTests {
    @Test(
        "no inodes left: the step fails with a sentence, and the next run completes when there are some",
        .enabled(if: SmallDisk.isAvailable, SmallDisk.comment), arguments: [285])
    func inodes(number: Int) throws {
        let workspace = try Workspace()
        try DemoShape.prepare(workspace)
        let disk = try SmallDisk(at: workspace.folder.appending(path: "cache"), megabytes: 20, inodes: number)
        let full = try workspace.motrans("run", "p.yaml", "--quiet")
        #expect(full.status == 1)
        #expect(full.errors.contains("No space left on device"), "\(full.errors)")
        #expect(!full.errors.contains("Domain="), "\(full.errors)")
        #expect(try workspace.motrans("verify", "--read-data").status == 0)
        try disk.grow(to: 20, inodes: 5000)
        try workspace.expectRecovery("\(number) inodes")
    }

    @Test("files that may not grow (`ulimit -f`) are an error with a sentence", arguments: [40_000, 300_000])
    func fileSize(limit: Int) throws {
        let workspace = try Workspace(copyOf: DemoShape.begun)
        let limited = try workspace.run(
            URL(filePath: "/bin/sh"),
            ["-c", "trap - XFSZ; ulimit -f \(limit / 512); exec \"$0\" run p.yaml --quiet", Workspace.binary.path])
        #expect([1, 5].contains(limited.status), "\(limited.status) \(limited.errors)")
        #expect(limited.errors.contains("ulimit -f") || limited.errors.contains("File size limit"), "\(limited.errors)")
        try workspace.expectRecovery("at most \(limit) bytes")
    }

    @Test(
        "a cache that cannot be written is still read: hits, status, lineage, results; work is refused at the start",
        .enabled(if: SmallDisk.isAvailable, SmallDisk.comment))
    func readOnly() throws {
        let workspace = try Workspace(copyOf: DemoShape.done)
        let cache = workspace.folder.appending(path: "cache")
        try workspace.write("clip.txt", "a clip\n")
        let frozen = try ReadOnlyMount(at: cache)
        let before = try workspace.snapshot("cache")
        let run = try workspace.motrans("run", "p.yaml", "--json")
        #expect(run.status == 0, "\(run.errors)")
        #expect(try DemoShape.outputs(of: run) == DemoShape.wanted)
        for command in [
            "status p.yaml", "run p.yaml -n", "runs", "show", "logs scores", "lineage scores", "explain scores",
            "get scores --to got", "verify --read-data", "gc -n", "lineage got/y",
        ] {
            let outcome = try workspace.run(Workspace.binary, command.split(separator: " ").map(String.init))
            #expect(outcome.status == 0, "\(command): \(outcome.errors)")
        }
        try workspace.write("clip.txt", "a new clip\n")
        #expect(try workspace.motrans("status", "p.yaml").status == 0)
        for command in ["run p.yaml", "gc --yes", "verify --repair"] {
            let refused = try workspace.run(Workspace.binary, command.split(separator: " ").map(String.init))
            #expect(refused.status == 5, "\(command)")
            #expect(
                refused.errors.contains("cannot be written; change its permissions or choose another"),
                "\(refused.errors)")
        }
        #expect(try workspace.snapshot("cache") == before)
        frozen.thaw()
        try workspace.write("clip.txt", "a clip\n")
        try workspace.expectRecovery("written again")
    }

    @Test(
        "tmp and objects on two file systems are refused at the start",
        .enabled(if: SmallDisk.isAvailable, SmallDisk.comment))
    func split() throws {
        let workspace = try Workspace(copyOf: DemoShape.begun)
        do {
            let disk = try SmallDisk(at: workspace.folder.appending(path: "cache/tmp"), megabytes: 1)
            let refused = try workspace.motrans("run", "p.yaml")
            #expect(refused.status == 5)
            #expect(refused.errors.contains("lie on different file systems"), "\(refused.errors)")
            _ = disk.folder
        }
        try workspace.expectRecovery("on one again")
    }

    @Test("a file system without locks is told as that, at once", .enabled(if: Faults.areAvailable, Faults.comment))
    func noLocks() throws {
        let workspace = try Workspace(copyOf: DemoShape.begun)
        let start = ContinuousClock.now
        for fault in ["ENOLCK:1+", "ENOLCK:7+"] {
            let refused = try workspace.motrans(
                "run", "p.yaml", environment: Faults.environment(fault, calls: "l"))
            #expect(refused.status == 5)
            #expect(refused.errors.contains("keeps no locks"), "\(refused.errors)")
        }
        // Not after the half minute for which a writer waits for another.
        #expect(ContinuousClock.now - start < .seconds(20))
        try workspace.expectRecovery("with locks")
    }

    @Test(
        "a disk that fails to read: nothing wrong comes out, and all is made again",
        .enabled(if: Faults.areAvailable, Faults.comment), arguments: ["run", "get", "verify"])
    func unreadable(command: String) throws {
        let workspace = try Workspace(copyOf: DemoShape.done)
        let number = workspace.folder.appending(path: "number")
        let arguments = [
            "run": ["run", "p.yaml", "--quiet"], "get": ["get", "scores", "--to", "got"],
            "verify": ["verify", "--read-data"],
        ]
        let words = try #require(arguments[command])
        let whole = try workspace.run(
            Workspace.binary, words, environment: Faults.environment(calls: "r", count: number))
        #expect(whole.status == 0, "\(whole.errors)")
        let calls = try #require(Int(workspace.read("number").trimmingCharacters(in: .newlines)))
        for point in stride(from: 1, through: calls, by: max(1, calls / 4)) {
            try? FileManager.default.removeItem(at: workspace.folder.appending(path: "got"))
            let met = try workspace.run(
                Workspace.binary, words, environment: Faults.environment("EIO:\(point)", calls: "r"))
            #expect([0, 1, 2, 3, 4, 5].contains(met.status), "read \(point): \(met.status) \(met.errors)")
            #expect(
                met.status == 0 || met.errors.contains("error: ") || met.output.contains("not clean"), "\(met.errors)")
        }
        try workspace.expectRecovery("read again")
    }

    @Test("a copy of a result can be written to, and the store does not change with it")
    func copies() throws {
        let workspace = try Workspace(copyOf: DemoShape.done)
        #expect(try workspace.motrans("get", "scores", "--to", "got").status == 0)
        let handle = try FileHandle(forWritingTo: workspace.folder.appending(path: "got/y"))
        try handle.write(contentsOf: Data("changed".utf8))
        try handle.close()
        try workspace.expectRecovery("a copy was changed")
    }

    @Test(
        "a clock that is a day off, before or behind: no work is done again, and none is missed",
        .enabled(if: Faults.areAvailable, Faults.comment), arguments: [-86_400, 86_400])
    func clock(seconds: Int) throws {
        let workspace = try Workspace(copyOf: DemoShape.done)
        let off = Faults.environment(clock: seconds)
        #expect(try workspace.motrans("run", "p.yaml", "-n", environment: off).output.contains("8 steps: 8 hit"))
        try workspace.write("clip.txt", "b clip\n")
        let other = try workspace.motrans("run", "p.yaml", "--json", environment: off)
        #expect(other.status == 0, "\(other.errors)")
        let outputs = try DemoShape.outputs(of: other)
        #expect(outputs["scores"] != DemoShape.wanted["scores"])
        // With the right clock again: the same size, other bytes.
        #expect(try workspace.motrans("run", "p.yaml", "-n").output.contains("8 steps: 8 hit"))
        try workspace.write("clip.txt", "a clip\n")
        try workspace.expectRecovery("the clock is right again")
    }

    @Test("the time zone and the language are no part of any result")
    func surroundings() throws {
        let workspace = try Workspace(copyOf: DemoShape.done)
        for environment in [
            ["TZ": "Pacific/Kiritimati"], ["TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8"],
            ["LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"], ["LC_ALL": "C"],
        ] {
            let dry = try workspace.motrans("run", "p.yaml", "-n", environment: environment)
            #expect(dry.output.hasSuffix("8 steps: 8 hit\n"), "\(environment): \(dry.output)")
        }
        let elsewhere = try Workspace(copyOf: DemoShape.begun)
        let run = try elsewhere.motrans(
            "run", "p.yaml", "--json", environment: ["TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8"])
        #expect(try DemoShape.outputs(of: run) == DemoShape.wanted)
    }

    @Test("an input whose time lies ahead, or was set back after a change, is no hit")
    func times() throws {
        let workspace = try Workspace(copyOf: DemoShape.done)
        let clip = workspace.folder.appending(path: "clip.txt").path
        func set(_ date: Date) throws {
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: clip)
        }
        let ahead = Date(timeIntervalSinceNow: 86_400)
        try set(ahead)
        #expect(try workspace.motrans("run", "p.yaml", "--quiet").status == 0)
        // The same size and time, at once: neither tells of the change.
        let handle = try FileHandle(forWritingTo: URL(filePath: clip))
        try handle.write(contentsOf: Data("c".utf8))
        try handle.close()
        try set(ahead)
        #expect(try workspace.motrans("run", "p.yaml", "-n").output.contains("frames        run"))
        #expect(try workspace.motrans("run", "p.yaml", "--quiet").status == 0)
        let back = try FileHandle(forWritingTo: URL(filePath: clip))
        try back.write(contentsOf: Data("a".utf8))
        try back.close()
        try set(ahead)
        try workspace.expectRecovery("written back")
    }
}

/// A folder that is mounted over itself, for reading only.
struct ReadOnlyMount: ~Copyable {
    let folder: URL

    init(at folder: URL) throws {
        self.folder = folder
        let flags = UInt(MS_BIND)
        guard mount(folder.path, folder.path, nil, flags, nil) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
        guard mount(nil, folder.path, nil, flags | UInt(MS_REMOUNT) | UInt(MS_RDONLY), nil) == 0 else {
            umount2(folder.path, Int32(MNT_DETACH))
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
    }

    /// Makes it writable again.
    consuming func thaw() {}

    deinit { umount2(folder.path, Int32(MNT_DETACH)) }
}
