import CCrypto

/// A SHA-256: the name of bytes. Written as 64 lowercase hexadecimal digits.
public struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 64 hexadecimal digits.
    public let hex: String

    /// Takes 64 hexadecimal digits of any case; nil when `text` is anything else.
    public init?(hex text: String) {
        let lowered = text.lowercased()
        guard lowered.utf8.count == 64, lowered.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        hex = lowered
    }

    /// The first twelve digits: enough for people to tell digests apart.
    public var short: String { String(hex.prefix(12)) }

    /// The 64 hexadecimal digits.
    public var description: String { hex }

    /// Orders digests as their digits.
    public static func < (left: Digest, right: Digest) -> Bool { left.hex < right.hex }
}
