import Foundation

/// What the system says about a process.
enum ProcessState {
    /// Whether it runs.
    ///
    /// One that is dead and not yet awaited does not: the test's own process may have adopted it.
    static func isAlive(_ pid: pid_t) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
            return !isReadable && kill(pid, 0) == 0
        }
        return stat.split(separator: ")").last?.split(separator: " ").first != "Z"
    }

    /// Whether the system tells such things.
    static var isReadable: Bool { FileManager.default.fileExists(atPath: "/proc/self/status") }

    /// The largest resident memory that a process ever had, in bytes; 0 when it is gone.
    static func peakMemory(_ pid: pid_t) -> Int {
        let lines = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        for line in lines.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
        }
        return 0
    }
}

extension Workspace {
    /// Runs the binary to its end, and tells its largest memory in bytes, as seen up to a millisecond before the end.
    ///
    /// What the system tells of a child that has ended includes what this process had when it started it.
    func peak(_ arguments: String...) throws -> (memory: Int, Outcome) {
        let process = try start(Self.binary, arguments)
        var memory = 0
        while process.isRunning {
            memory = max(memory, ProcessState.peakMemory(process.processIdentifier))
            usleep(1000)
        }
        process.waitUntilExit()
        let status = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
        return (memory, Outcome(status: status, output: try read(".stdout"), errors: try read(".stderr")))
    }
}
