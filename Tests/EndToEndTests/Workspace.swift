import Foundation
import Testing

/// What a run of the binary left behind.
struct Outcome {
    let status: Int32
    let output: String
    let errors: String

    /// The lines of standard output as JSON documents.
    func documents() throws -> [[String: Any]] {
        try output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    /// Standard output as one JSON document.
    func document() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
}

/// A folder of its own in which the real binary runs, gone when the test ends.
struct Workspace: ~Copyable {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "motrans-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// A copy of a folder, with its cache: where a test starts from work already done.
    init(copyOf other: URL) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "motrans-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: other, to: folder)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The binary, which the build puts beside the test bundle.
    static var binary: URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "motrans")
    }

    /// The clip that the repository ships.
    static var clip: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "pipelines/clips/turn_box.mp4")
    }

    func write(_ path: String, _ text: String) throws {
        let url = folder.appending(path: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    func read(_ path: String) throws -> String {
        try String(contentsOf: folder.appending(path: path), encoding: .utf8)
    }

    /// Replaces text that must be there.
    func edit(_ path: String, _ old: String, _ new: String) throws {
        let text = try read(path)
        #expect(text.contains(old), "\(path) has no \(old)")
        try write(path, text.replacing(old, with: new))
    }

    /// Runs the binary to its end.
    func motrans(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
        try run(Self.binary, arguments, environment: environment)
    }

    /// Runs any program in the folder to its end.
    func run(_ program: URL, _ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let process = try start(program, arguments, environment: environment)
        process.waitUntilExit()
        return Outcome(
            status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            output: try read(".stdout"), errors: try read(".stderr"))
    }

    /// Starts a program whose words go to `.stdout` and `.stderr`.
    func start(_ program: URL, _ arguments: [String], environment: [String: String] = [:]) throws -> Process {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.currentDirectoryURL = folder
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MOTRANS_") }
        variables.merge(environment) { $1 }
        process.environment = variables
        for (name, keyPath) in [(".stdout", \Process.standardOutput), (".stderr", \Process.standardError)] {
            let url = folder.appending(path: name)
            try Data().write(to: url)
            process[keyPath: keyPath] = try FileHandle(forWritingTo: url)
        }
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Digests of nothing, but names, sizes and times of all files below a folder: equal when nothing was written.
    func snapshot(_ path: String) throws -> [String: String] {
        let root = folder.appending(path: path)
        var known: [String: String] = [:]
        for file in try FileManager.default.subpathsOfDirectory(atPath: root.path) {
            let facts = try FileManager.default.attributesOfItem(atPath: root.appending(path: file).path)
            let time = (facts[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            known[file] = "\(facts[.size] ?? 0) \(time)"
        }
        return known
    }
}
