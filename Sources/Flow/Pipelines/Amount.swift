/// Times and sizes as people write them: `90s`, `10m`, `2h`, `30d`; `500MB`, `18GB`.
public enum Amount {
    /// Seconds of `90s`, `10m`, `2h`, `30d`, `4w`; a bare number is seconds.
    public static func seconds(_ text: String) -> Double? {
        number(text, units: ["": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604_800])
    }

    /// Bytes of `500MB`, `18GB`, `2GiB`.
    public static func bytes(_ text: String) -> Int? {
        let units = [
            "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1024, "MiB": 1_048_576,
            "GiB": 1_073_741_824, "TiB": 1_099_511_627_776,
        ]
        return number(text, units: units).flatMap { Int(exactly: $0.rounded()) }
    }

    private static func number(_ text: String, units: [String: Double]) -> Double? {
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        let unit = text.dropFirst(digits.count).trimmingPrefix(" ")
        guard let number = Double(digits), number.isFinite, let factor = units[String(unit)] else { return nil }
        return number * factor
    }
}
