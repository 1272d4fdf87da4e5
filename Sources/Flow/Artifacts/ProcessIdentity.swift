import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Which process something belongs to: enough to tell, later and from another process, whether it still lives.
///
/// A pid alone is reused; a pid with its start time, in one boot of one host, never is.
public struct ProcessIdentity: Hashable, Sendable, Codable {
    /// The name of the host.
    public let host: String
    /// The boot of the host: a new one after every restart.
    public let boot: String
    /// The pid namespace, for containers that share a host's boot; empty where there are none.
    public let space: String
    /// The process.
    public let pid: Int
    /// When it started, in clock ticks since the boot.
    public let started: Int

    /// An identity as it is.
    public init(host: String, boot: String, space: String, pid: Int, started: Int) {
        self.host = host
        self.boot = boot
        self.space = space
        self.pid = pid
        self.started = started
    }

    /// Whether a process still lives, as far as this process can tell.
    public enum Liveness: Hashable, Sendable {
        case alive
        case dead
        /// It runs on another host or in another container: only a heartbeat can tell.
        case unknown
    }

    /// This process.
    public static let current = ProcessIdentity(
        host: ProcessInfo.processInfo.hostName, boot: readBoot(), space: readSpace(), pid: Int(getpid()),
        started: startTime(of: Int(getpid())) ?? 0)

    /// Whether the process still lives.
    public var liveness: Liveness {
        let here = ProcessIdentity.current
        guard host == here.host else { return .unknown }
        guard boot == here.boot else { return .dead }
        guard space == here.space else { return .unknown }
        return Self.startTime(of: pid) == started ? .alive : .dead
    }

    private static func readBoot() -> String {
        (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }

    private static func readSpace() -> String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    }

    /// Field 22 of /proc/PID/stat (proc(5)); nil when there is no such process, or only its zombie.
    private static func startTime(of pid: Int) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            // The command name in parentheses may itself hold spaces and parentheses: fields are counted after the last.
            let close = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return Int(fields[19])
    }
}
