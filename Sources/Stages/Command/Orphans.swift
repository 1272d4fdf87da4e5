import Foundation
import Synchronization

/// Ends what a program leaves running: its group, and daemons that left the group.
///
/// A process that outlives its parents goes to the system's first process, which nobody can ask. A tool that runs nothing
/// but its steps may ask to be given its orphans instead; then they are known by the paths of the step that they carry, and
/// ended before anybody reads what the step wrote.
public enum Orphans {
    /// How long killed processes may take to go, in milliseconds.
    private static let grace = 5000
    private static let areAdopted = Mutex(false)
    /// Children that somebody here started and waits for: their ends are not to be taken away.
    static let awaited = Mutex<Set<pid_t>>([])

    /// Makes orphaned descendants children of this process (`PR_SET_CHILD_SUBREAPER`); without it, daemons escape.
    ///
    /// For the owner of the process to call, before any step: whoever awaits other children in it would meet them too.
    public static func adopt() {
        // Variadic in C, so that Swift does not import it.
        typealias Control = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
        guard let symbol = dlsym(nil, "prctl") else { return }
        let setChildSubreaper: Int32 = 36
        let code = unsafeBitCast(symbol, to: Control.self)(setChildSubreaper, 1, 0, 0, 0)
        areAdopted.withLock { $0 = code == 0 }
    }

    /// Ends all of a group, its leader included, and waits until it is gone.
    static func end(group: pid_t) {
        kill(-group, SIGKILL)
        for _ in 0..<grace {
            var status: Int32 = 0
            let ended = waitpid(-group, &status, WNOHANG)
            if ended == -1, errno != EINTR { return }
            if ended == 0 { usleep(1000) }
        }
    }

    /// Ends adopted processes that carry one of these paths: in their environment, their arguments, as their folder or as an
    /// open file.
    static func end(carrying paths: [String]) {
        guard areAdopted.withLock({ $0 }) else { return }
        // What one leaves behind when it dies is adopted in its turn.
        for _ in 0..<100 where hasChildren {
            let children = adopted()
            let awaited = awaited.withLock { $0 }
            // A dead one carries nothing.
            for child in children where child.isDead && !awaited.contains(child.pid) && child.session != getsid(0) {
                reap(child.pid)
            }
            let found = children.filter { child in
                !child.isDead && !awaited.contains(child.pid) && paths.contains { carries(child.pid, $0) }
            }
            if found.isEmpty { return }
            for child in found {
                kill(child.pid, SIGKILL)
                if getpgid(child.pid) == child.pid { kill(-child.pid, SIGKILL) }
                reap(child.pid)
            }
        }
    }

    private struct Child {
        let pid: pid_t
        let session: pid_t
        let isDead: Bool
    }

    /// Nearly always false after a step that ran alone, which saves a look at every process of the machine.
    private static var hasChildren: Bool {
        var facts = siginfo_t()
        return waitid(P_ALL, 0, &facts, WEXITED | WNOHANG | WNOWAIT) == 0
    }

    private static func adopted() -> [Child] {
        let own = getpid()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { name in
            guard let pid = pid_t(name), let stat = contents("\(pid)/stat"),
                let end = stat.lastIndex(of: UInt8(ascii: ")"))
            else { return nil }
            // After the program's name: state, parent, group, session.
            let fields = String(decoding: stat[(end + 1)...], as: UTF8.self).split(separator: " ")
            guard fields.count > 3, pid_t(fields[1]) == own, let session = pid_t(fields[3]) else { return nil }
            return Child(pid: pid, session: session, isDead: fields[0] == "Z")
        }
    }

    private static func carries(_ pid: pid_t, _ path: String) -> Bool {
        let wanted = Data(path.utf8)
        for file in ["environ", "cmdline"] {
            if let text = contents("\(pid)/\(file)"), Data(text).range(of: wanted) != nil { return true }
        }
        let files = FileManager.default
        let open = (try? files.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []
        return (["cwd"] + open.map { "fd/\($0)" }).contains { link in
            (try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/\(link)"))?.hasPrefix(path) ?? false
        }
    }

    /// A file of `/proc`, which has no size that one could ask for.
    private static func contents(_ path: String) -> [UInt8]? {
        let file = open("/proc/\(path)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 1 << 22 {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    private static func reap(_ pid: pid_t) {
        var status: Int32 = 0
        for _ in 0..<grace where waitpid(pid, &status, WNOHANG) == 0 { usleep(1000) }
    }
}
