import Foundation

/// How much memory this machine has to give.
enum MachineMemory {
    /// Bytes that new work can have without swapping, as the kernel sees it; nil where it does not say.
    static var free: Int? {
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") }.map { $0 * 1024 }
    }
}
