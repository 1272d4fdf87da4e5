import Foundation
import Synchronization
import Testing

/// `Tests/Faults/faults.c`, built once: the Nth call of the binary that changes a file kills it, tears or fails.
enum Faults {
    /// The library; nil where there is no clang to build it (it comes with Swift).
    private static let library: String? = {
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Faults/faults.c")
        // A name of its own while it is written: several test processes may come at once.
        let file = Workspace.binary.deletingLastPathComponent().appending(path: "libfaults.so").path
        let fresh = "\(file).\(UUID().uuidString)"
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["clang", "-shared", "-fPIC", "-O1", "-o", fresh, source.path]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        return process.terminationStatus == 0 && rename(fresh, file) == 0 ? file : nil
    }()

    static var areAvailable: Bool { library != nil }

    /// Said where a test is skipped.
    static let comment: Comment = "clang is needed to build Tests/Faults/faults.c"

    /// The environment in which the binary meets a fault.
    ///
    /// - Parameters:
    ///   - fault: `kill:12`, `tear:3`, `ENOSPC:7`, `EIO:1+`; nil for none.
    ///   - calls: the kinds of calls that count, as the source has them; nil for all that change files.
    ///   - count: where the number of calls is written.
    ///   - clock: seconds that the clock of the day is ahead.
    static func environment(
        _ fault: String? = nil, calls: String? = nil, count: URL? = nil, clock: Int? = nil
    ) -> [String: String] {
        var variables = ["LD_PRELOAD": library ?? ""]
        variables["FAULT"] = fault
        variables["FAULT_CALLS"] = calls
        variables["FAULT_COUNT"] = count?.path
        variables["FAULT_CLOCK"] = clock.map(String.init)
        return variables
    }
}

/// The graph of the demo, of small programs: as many objects and records, in half a second.
enum DemoShape {
    static let pipeline: String = {
        func step(_ name: String, _ inputs: [(port: String, from: String)], elements: String? = nil) -> String {
            let taken = inputs.map { "\($0.port): \"${\($0.from)}\"" }.joined(separator: ", ")
            let files = inputs.map { ", \"{inputs.\($0.port)}\"" }.joined()
            let each = elements.map { "\n    for-each: \"${\($0)}\"" } ?? ""
            return """
                  \(name):
                    stage: command\(each)
                    inputs: {\(taken)}
                    run: [sh, -c, 'out="$1"; word="$2"; shift 2; cat $(find -L "$@" -type f | sort) > "$out"; echo "$word" >> "$out"', sh, "{outputs.y}", "\(elements == nil ? name : "${item.prompt}")"\(files)]
                    outputs: {y: file}

                """
        }
        return """
            version: 1
            name: shape
            prompts: [one, two]
            steps:
              frames:
                stage: command
                inputs: {clip: {file: clip.txt}}
                run: [sh, -c, 'cat "$1" "$1" > "$2/a"; seq 60000 > "$2/b"', sh, "{inputs.clip}", "{outputs.y}"]
                outputs: {y: files}

            """
                + step("captions", [("x", "frames")])
                + step("appearance", [("x", "frames"), ("c", "captions")])
                + step("embeddings", [("x", "frames")])
                + step("motion", [("x", "frames"), ("e", "embeddings"), ("a", "appearance")])
                + step("samples", [("m", "motion")], elements: "prompts")
                + step("scores", [("v", "samples"), ("r", "frames")])
    }()

    static func prepare(_ workspace: borrowing Workspace) throws {
        try workspace.write("p.yaml", pipeline)
        try workspace.write("clip.txt", clip)
    }

    /// A folder whose store was made for another clip, so that every step has to run; nobody writes to it.
    static let begun: URL = {
        do { return try folder(running: ["run", "p.yaml", "frames", "--quiet"], with: "another clip\n") } catch {
            preconditionFailure("the store could not be made: \(error)")
        }
    }()

    /// A folder in which all has been run; nobody writes to it.
    static let done: URL = {
        do { return try folder(running: ["run", "p.yaml", "--quiet"], with: clip) } catch {
            preconditionFailure("the first run could not be made: \(error)")
        }
    }()

    private static let clip = "a clip\n"

    private static func folder(running arguments: [String], with text: String) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-shape-\(UUID().uuidString)")
        let workspace = try Workspace()
        try prepare(workspace)
        try workspace.write("clip.txt", text)
        let outcome = try workspace.run(Workspace.binary, arguments)
        precondition(outcome.status == 0, outcome.errors)
        try workspace.write("clip.txt", clip)
        try FileManager.default.moveItem(at: workspace.folder, to: folder)
        gone.withLock { $0.append(folder) }
        atexit { for folder in DemoShape.gone.withLock({ $0 }) { try? FileManager.default.removeItem(at: folder) } }
        return folder
    }

    private static let gone = Mutex<[URL]>([])

    /// What an undisturbed run gives.
    static let wanted: [String: [String: String]] = {
        do {
            let run = try Workspace(copyOf: done).motrans("run", "p.yaml", "--json")
            return try outputs(of: run)
        } catch {
            preconditionFailure("the first run has no results: \(error)")
        }
    }()

    /// What every step gave, by name: digests, so all bytes of it.
    static func outputs(of run: Outcome) throws -> [String: [String: String]] {
        let end = try #require(try run.documents().last { $0["event"] as? String == "run-ended" })
        let steps = try #require(end["steps"] as? [[String: Any]])
        return try Dictionary(
            uniqueKeysWithValues: steps.map { step in
                (try #require(step["step"] as? String), try #require(step["outputs"] as? [String: String]))
            })
    }
}

extension Workspace {
    /// Runs the pipeline of `DemoShape` once more and holds everything to what an undisturbed run gives.
    ///
    /// The same bytes, a clean store, nothing left in `tmp`, nothing cleaned by hand.
    func expectRecovery(_ what: String) throws {
        let again = try motrans("run", "p.yaml", "--json")
        #expect(again.status == 0, "\(what): \(again.errors)")
        guard again.status == 0 else { return }
        #expect(try DemoShape.outputs(of: again) == DemoShape.wanted, "\(what): other bytes")
        let verified = try motrans("verify", "--read-data")
        #expect(verified.status == 0, "\(what): \(verified.output)")
        let chain = try motrans("verify", "--chain")
        #expect(chain.status == 0, "\(what): \(chain.output)")
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "cache/tmp").path)
        #expect(left == [], "\(what)")
        // What was verified and has the digest that was wanted comes out as it should; when all points are tried, that too.
        guard CrashPointTests.pace != nil else { return }
        let got = try motrans("get", "scores", "--to", "got", "--replace")
        #expect(got.status == 0, "\(what): \(got.errors)")
        #expect(try read("got/y").hasSuffix("\nscores\n"), "\(what)")
    }
}
