import Foundation

/// Times and sizes as people read them.
enum Readable {
    /// `35 ms`, `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
    static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<0: "0 ms"
        case ..<0.0995: String(format: "%.0f ms", seconds * 1000)
        case ..<10: String(format: "%.1f s", seconds)
        case ..<99.5: String(format: "%.0f s", seconds)
        case ..<3600: "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
        default: "\(Int(seconds) / 3600) h \(Int(seconds) % 3600 / 60) min"
        }
    }

    /// `812 B`, `1.2 MB`: powers of ten.
    static func bytes(_ count: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(count)
        var unit = 0
        while value >= 999.5 && unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(count) B" : String(format: value < 9.95 ? "%.1f %@" : "%.0f %@", value, units[unit])
    }
}
