import Foundation
import Testing

/// The power fails while runs publish.
///
/// Runs work in an ext4 file system whose image lies on an XFS with reflinks. At some moments the image is cloned, which
/// freezes what the disk had then; each clone is mounted as after a power cut (the journal is replayed) and looked at. What
/// a run had told as finished before the cut must be there, and every object that the database names must be whole.
///
/// Wants root, loop devices and mkfs.xfs (xfsprogs). `make power-cut` (MOTRANS_POWER_CUTS=200) makes as many cuts.
@Suite("Power cuts", .enabled(if: PowerlessDisk.isAvailable, PowerlessDisk.comment))
struct PowerCutTests {
    @Test("nothing that a run told as finished is lost, and nothing that lineage names is damaged")
    func cuts() throws {
        let cuts = ProcessInfo.processInfo.environment["MOTRANS_POWER_CUTS"].flatMap { Int($0) } ?? 3
        let disk = try PowerlessDisk()
        let words = try Workspace()
        let writer = try Writer(on: disk.mounted, words: words.folder)
        defer { writer.stop() }
        var (told, early) = (0, 0)
        for cut in 0..<cuts {
            // Moments that differ from cut to cut, without chance.
            Thread.sleep(forTimeInterval: 0.2 + 0.037 * Double(cut * 7 % 23))
            let errors = try words.read("errors")
            try #require(writer.process.isRunning, "the writer ended: \(errors)")
            let store = try words.read("store").trimmingCharacters(in: .newlines)
            let known = try Self.finished(words.read("events-\(store)"))
            told += known.count
            early += known.isEmpty ? 1 : 0
            try disk.cut { after in
                try Self.check(after.appending(path: store), known, "cut \(cut), store \(store)")
            }
        }
        #expect(told > 0)
        if cuts > 3 { print("\(cuts) power cuts, \(told) steps told as finished before them, \(early) before any") }
    }

    /// Attempts that were told as finished, with what they gave.
    private static func finished(_ events: String) throws -> [String: [String]] {
        var attempts: [String: [String]] = [:]
        // The last line may not be whole yet.
        for line in events.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            guard
                let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                event["event"] as? String == "finished", let attempt = event["attempt"] as? String,
                let outputs = event["outputs"] as? [String: String]
            else { continue }
            attempts[attempt] = Array(outputs.values)
        }
        return attempts
    }

    private static func check(_ cache: URL, _ known: [String: [String]], _ what: String) throws {
        let workspace = try Workspace()
        func motrans(_ arguments: String...) throws -> Outcome {
            try workspace.run(Workspace.binary, arguments + ["--cache", cache.path])
        }
        let verified = try motrans("verify", "--read-data")
        // 3: the cut came before there was a database.
        #expect(
            verified.status == 0 || verified.status == 3 && known.isEmpty,
            "\(what): \(verified.output)\(verified.errors)")
        if !known.isEmpty {
            var there: [String: Set<String>] = [:]
            let runs = try #require(try motrans("runs", "--json").document()["runs"] as? [[String: Any]])
            for run in runs {
                let shown = try motrans("show", try #require(run["run"] as? String), "--json").document()
                for attempt in try #require(shown["attempts"] as? [[String: Any]]) {
                    guard attempt["outcome"] as? String == "succeeded" else { continue }
                    let outputs = try #require(attempt["outputs"] as? [[String: Any]])
                    there[try #require(attempt["attempt"] as? String)] =
                        Set(outputs.compactMap { $0["artifact"] as? String })
                }
            }
            for (attempt, outputs) in known {
                #expect(there[attempt] == Set(outputs), "\(what): attempt \(attempt) was told as finished, and is lost")
            }
        }
        try DemoShape.prepare(workspace)
        let again = try motrans("run", "p.yaml", "--json")
        #expect(again.status == 0, "\(what): \(again.errors)")
        #expect(try again.status != 0 || DemoShape.outputs(of: again) == DemoShape.wanted, "\(what): other bytes")
        let chain = try motrans("verify", "--chain")
        #expect(chain.status == 0, "\(what): \(chain.output)")
        // Whoever was at work when the power failed still is, on the disk that did not fail: a run clears up once it is gone.
        var left: [String] = []
        for _ in 0..<20 {
            left = try FileManager.default.contentsOfDirectory(atPath: cache.appending(path: "tmp").path)
            if left.isEmpty { break }
            Thread.sleep(forTimeInterval: 0.2)
            _ = try motrans("run", "p.yaml", "--quiet")
        }
        #expect(left == [], "\(what)")
    }
}

/// Runs one after the other, each over other bytes, whose words lie where no power fails.
private struct Writer {
    let process: Process

    init(on folder: URL, words: URL) throws {
        try Data(DemoShape.pipeline.utf8).write(to: folder.appending(path: "p.yaml"))
        // A new store after every eight runs, so that there is less to look at; the one before stays for a cut that is
        // being made.
        let script = """
            n=0
            while :; do
                store=$((n / 8))
                [ -e "$1/events-$store" ] || { : > "$1/events-$store"; rm -rf ./$((store - 2)); }
                echo $store > "$1/store.new" && mv "$1/store.new" "$1/store"
                echo "clip $n" > clip.txt
                "$0" run p.yaml --json --cache $store >> "$1/events-$store" 2>> "$1/errors" || exit 1
                n=$((n + 1))
            done
            """
        try Data().write(to: words.appending(path: "errors"))
        try Data().write(to: words.appending(path: "events-0"))
        try Data("0\n".utf8).write(to: words.appending(path: "store"))
        process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", script, Workspace.binary.path, words.path]
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
    }

    /// Ends the shell first, so that it starts no other run.
    func stop() {
        let shell = process.processIdentifier
        kill(shell, SIGSTOP)
        let children = try? String(contentsOfFile: "/proc/\(shell)/task/\(shell)/children", encoding: .utf8)
        for child in (children ?? "").split(separator: " ").compactMap({ pid_t($0) }) { kill(child, SIGKILL) }
        kill(shell, SIGKILL)
        process.waitUntilExit()
    }
}

/// An ext4 file system whose image can be cloned while it is written to.
struct PowerlessDisk: ~Copyable {
    private let folder: URL
    private let image: URL
    /// Where it can be written to.
    let mounted: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "motrans-power-\(UUID().uuidString)")
        let base = folder.appending(path: "base")
        image = base.appending(path: "disk")
        mounted = folder.appending(path: "mounted")
        for place in [folder, base, mounted] {
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        }
        let outer = folder.appending(path: "xfs")
        do {
            try Self.shell(
                """
                truncate -s 2G "$0" && mkfs.xfs -q -m reflink=1 "$0" && mount -o loop "$0" "$1" &&
                truncate -s 256M "$2" && mkfs.ext4 -q "$2" && mount -o loop "$2" "$3"
                """, outer, base, image, mounted)
        } catch {
            Self.remove(folder)
            throw error
        }
    }

    deinit { Self.remove(folder) }

    private static func remove(_ folder: URL) {
        // Without a lazy unmount: the loop devices are to go with it. Writers may take a moment to die.
        try? shell(
            """
            for place in "$0/cut" "$0/mounted" "$0/base"; do
                for try in 1 2 3 4 5 6 7 8 9 10; do
                    mountpoint -q "$place" || break
                    umount "$place" 2>/dev/null && break
                    sleep 0.2
                done
            done
            mountpoint -q "$0/mounted" || mountpoint -q "$0/base" || rm -rf "$0"
            """, folder)
    }

    /// Takes the disk as it is at this moment, and hands it on mounted, which replays its journal.
    func cut(_ body: (URL) throws -> Void) throws {
        let copy = image.deletingLastPathComponent().appending(path: "cut")
        let place = folder.appending(path: "cut")
        try Self.shell("cp --reflink=always \"$0\" \"$1\" && mkdir -p \"$2\"", image, copy, place)
        defer { try? Self.shell("umount \"$1\"; rm -f \"$0\"", copy, place) }
        try Self.shell("mount -o loop \"$0\" \"$1\"", copy, place)
        try body(place)
    }

    private struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    private static func shell(_ script: String, _ paths: URL...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", script] + paths.map(\.path)
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let words = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Refused(description: String(decoding: words, as: UTF8.self)) }
    }

    static let isAvailable: Bool = getuid() == 0 && (try? PowerlessDisk()) != nil

    static let comment: Comment = "wants root, loop devices, and mkfs.xfs (xfsprogs)"
}
