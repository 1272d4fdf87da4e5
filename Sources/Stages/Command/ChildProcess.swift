import Foundation
import Synchronization

/// A program with all that it starts, in a process group of its own, which ends when the stage ends it or dies.
///
/// The kernel's parent-death signal reaches only one process, is tied to the thread that started it, and cannot be asked
/// for through `posix_spawn`. Instead a guard leads the group: a shell with a fixed text that waits for the end of a pipe
/// whose other end only this process holds. However this process dies, the kernel closes the pipe, and the guard kills
/// its group, itself included. It starts before the program, so that there is no moment without it, and as the group's
/// leader it keeps the group's number from being used again. Daemons, which leave the group, end with the stage (see
/// `Orphans`); when this process dies they live on, and write into a folder that nobody reads any more.
struct ChildProcess {
    let arguments: [String]
    let folder: URL
    let environment: [String: String]
    /// Folders that are the program's alone: what carries one of them is the program's too.
    let marks: [String]

    /// How a program ended.
    enum End: Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// How long a program has after SIGTERM.
    private static let grace = Duration.seconds(2)
    private static let guardText = "trap '' HUP INT TERM; read -r _; kill -KILL 0"

    /// Runs to the end.
    ///
    /// What the program writes goes to `output` as it comes.
    ///
    /// - Throws: `CommandError.notStarted`; what `checkCancellation` throws, after the group has been ended.
    func run(output: (ArraySlice<UInt8>) -> Void, checkCancellation: () throws -> Void) throws -> End {
        let lifeline = try ClosingPipe(for: arguments.first ?? "")
        let written = try ClosingPipe(for: arguments.first ?? "")
        let group = try spawn(
            ["/bin/sh", "-c", Self.guardText], input: lifeline.reading, output: nil, group: 0, searches: false)
        lifeline.closeReading()
        defer {
            // Whatever the program left running, and the guard.
            Orphans.end(group: group)
            Orphans.end(carrying: marks)
            lifeline.closeWriting()
        }
        Orphans.awaited.withLock { _ = $0.insert(group) }
        defer { Orphans.awaited.withLock { _ = $0.remove(group) } }
        let program = try spawn(arguments, input: nil, output: written.writing, group: group, searches: true)
        Orphans.awaited.withLock { _ = $0.insert(program) }
        defer { Orphans.awaited.withLock { _ = $0.remove(program) } }
        written.closeWriting()
        do {
            let end = try watch(program, written, output: output, checkCancellation: checkCancellation)
            return end
        } catch {
            finish(program, group: group)
            throw error
        }
    }

    /// Reads until the program has ended.
    ///
    /// Its output may end before, or go on after it in a process that it left behind.
    private func watch(
        _ program: pid_t, _ written: ClosingPipe, output: (ArraySlice<UInt8>) -> Void,
        checkCancellation: () throws -> Void
    ) throws -> End {
        var isOpen = true
        while true {
            try checkCancellation()
            if isOpen {
                isOpen = written.take(waiting: 50, output) != .end
            } else {
                usleep(5000)
            }
            if let end = Self.ended(program) {
                // A process left behind may go on writing for ever.
                var rounds = 0
                while isOpen, rounds < 256, written.take(waiting: 0, output) == .bytes { rounds += 1 }
                return end
            }
        }
    }

    /// Asks first, then insists.
    private func finish(_ program: pid_t, group: pid_t) {
        kill(-group, SIGTERM)
        let clock = ContinuousClock()
        let deadline = clock.now + Self.grace
        while clock.now < deadline {
            if Self.ended(program) != nil { return }
            usleep(10_000)
        }
        kill(program, SIGKILL)
        _ = Self.wait(program)
    }

    // MARK: The system's words

    private func spawn(
        _ arguments: [String], input: Int32?, output: Int32?, group: pid_t, searches: Bool
    ) throws -> pid_t {
        guard !arguments.contains(where: { $0.utf8.contains(0) }), let program = arguments.first else {
            throw CommandError.notStarted(program: arguments.first ?? "", why: "an argument has a NUL character")
        }
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, 1)
            posix_spawn_file_actions_adddup2(&actions, output, 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        }
        try changeFolder(&actions)
        // Nothing of this process' signal handling is the program's business.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, group)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let variables = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        var pid: pid_t = 0
        let code = ClosingPipe.opening.withLock { _ in
            withCStrings(arguments) { argv in
                withCStrings(variables) { envp in
                    searches
                        ? posix_spawnp(&pid, program, &actions, &attributes, argv, envp)
                        : posix_spawn(&pid, program, &actions, &attributes, argv, envp)
                }
            }
        }
        guard code == 0 else {
            throw CommandError.notStarted(program: program, why: String(cString: strerror(code)))
        }
        return pid
    }

    /// The C library has `posix_spawn_file_actions_addchdir_np` since glibc 2.29, but Swift does not import it.
    private func changeFolder(_ actions: inout posix_spawn_file_actions_t) throws {
        typealias AddFolder =
            @convention(c) (
                UnsafeMutablePointer<posix_spawn_file_actions_t>, UnsafePointer<CChar>
            ) -> Int32
        guard let symbol = dlsym(nil, "posix_spawn_file_actions_addchdir_np") else {
            throw CommandError.notStarted(program: arguments[0], why: "the C library cannot start it in another folder")
        }
        _ = unsafeBitCast(symbol, to: AddFolder.self)(&actions, folder.path(percentEncoded: false))
    }

    private func withCStrings<R>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R
    ) -> R {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }

    /// The end of a child, nil while it runs.
    private static func ended(_ pid: pid_t) -> End? {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) == pid ? end(status) : nil
    }

    private static func wait(_ pid: pid_t) -> End {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        return end(status)
    }

    /// The macros WIFEXITED, WEXITSTATUS and WTERMSIG, which Swift cannot import.
    private static func end(_ status: Int32) -> End {
        status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .signalled(status & 0x7F)
    }
}

/// A pipe that no other child inherits by accident.
private final class ClosingPipe {
    /// Held while a pipe is made and while a child is started, so that no child starts before a new pipe is marked.
    static let opening = Mutex(())

    private(set) var reading: Int32
    private(set) var writing: Int32

    init(for program: String) throws {
        var ends: [Int32] = [-1, -1]
        let code = Self.opening.withLock { _ in
            guard pipe(&ends) == 0 else { return errno }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return 0
        }
        guard code == 0 else { throw CommandError.notStarted(program: program, why: String(cString: strerror(code))) }
        reading = ends[0]
        writing = ends[1]
    }

    deinit {
        closeReading()
        closeWriting()
    }

    func closeReading() {
        if reading >= 0 { close(reading) }
        reading = -1
    }

    func closeWriting() {
        if writing >= 0 { close(writing) }
        writing = -1
    }

    /// What came of looking into the pipe.
    enum Found {
        case bytes
        case nothing
        /// Nobody can write any more.
        case end
    }

    /// Hands on what is there, waiting up to so many milliseconds for it.
    func take(waiting milliseconds: Int32, _ body: (ArraySlice<UInt8>) -> Void) -> Found {
        var descriptor = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, milliseconds) > 0 else { return .nothing }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(reading, &buffer, buffer.count)
        guard count > 0 else { return count == 0 ? .end : .nothing }
        body(buffer[..<count])
        return .bytes
    }
}
