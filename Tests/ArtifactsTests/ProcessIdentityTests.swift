import Artifacts
import Foundation
import Testing

@Suite struct ProcessIdentityTests {
    private let here = ProcessIdentity.current

    @Test("this process lives, and knows its boot and start")
    func current() {
        #expect(here.liveness == .alive)
        #expect(here.started > 0)
        #expect(here.boot.count == 36)
        #expect(!here.host.isEmpty)
    }

    @Test("a reused pid, an earlier boot and a vanished process are dead; other hosts and containers are unknown")
    func others() {
        func with(
            host: String? = nil, boot: String? = nil, space: String? = nil, pid: Int? = nil, started: Int? = nil
        ) -> ProcessIdentity {
            ProcessIdentity(
                host: host ?? here.host, boot: boot ?? here.boot, space: space ?? here.space, pid: pid ?? here.pid,
                started: started ?? here.started)
        }
        #expect(with(started: here.started - 1).liveness == .dead)
        #expect(with(boot: "an earlier one").liveness == .dead)
        #expect(with(pid: 4_194_305).liveness == .dead)
        #expect(with(host: "elsewhere").liveness == .unknown)
        #expect(with(space: "pid:[1]").liveness == .unknown)
    }

    @Test("a process that ended is dead")
    func ended() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/cat")
        let pipe = Pipe()
        process.standardInput = pipe
        try process.run()
        let pid = Int(process.processIdentifier)
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let started = try #require(Int(stat.split(separator: " ")[21]))
        let identity = ProcessIdentity(
            host: here.host, boot: here.boot, space: here.space, pid: pid, started: started)
        #expect(identity.liveness == .alive)
        try pipe.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(identity.liveness == .dead)
    }
}
