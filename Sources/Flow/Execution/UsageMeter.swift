import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Measures what an attempt takes.
///
/// Processor time and memory belong to the process, so of steps that run at the same time each is charged with all: the
/// compute pool, where it matters, runs one at a time.
public struct UsageMeter {
    private let start = ContinuousClock.now
    private let cpu = Self.cpuSeconds()

    /// Starts measuring; the process's memory peak begins anew where the system can do that.
    public init() {
        #if os(Linux)
            // proc(5): "5" resets the peak resident set size ("high water mark") to the present size.
            if let file = fopen("/proc/self/clear_refs", "w") {
                fputs("5", file)
                fclose(file)
            }
        #endif
    }

    /// What was taken since the start.
    public func read() -> ResourceUsage {
        let elapsed = ContinuousClock.now - start
        return ResourceUsage(
            seconds: elapsed / .seconds(1), cpuSeconds: max(0, Self.cpuSeconds() - cpu), peakMemory: Self.peakMemory())
    }

    private static func usage(_ who: Int32) -> rusage {
        var usage = rusage()
        #if canImport(Glibc)
            _ = getrusage(__rusage_who_t(who), &usage)
        #else
            _ = getrusage(who, &usage)
        #endif
        return usage
    }

    private static func cpuSeconds() -> Double {
        // RUSAGE_SELF and RUSAGE_CHILDREN.
        var sum = 0.0
        for usage in [usage(0), usage(-1)] {
            sum += Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            sum += Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
        }
        return sum
    }

    private static func peakMemory() -> Int {
        #if os(Linux)
            let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            let own = line.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? usage(0).ru_maxrss
            return own * 1024
        #else
            return usage(0).ru_maxrss
        #endif
    }
}
