import CCrypto
public import Foundation

/// A SHA-256: the name of bytes.
///
/// Written as 64 lowercase hexadecimal digits.
public struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The 64 hexadecimal digits.
    public let hex: String

    /// Takes 64 hexadecimal digits of any case; nil when `text` is anything else.
    public init?(hex text: String) {
        guard text.utf8.count == 64 else { return nil }
        func isPlain(_ text: String) -> Bool {
            text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 || $0 >= 97 && $0 <= 102 }
        }
        // As nearly all are.
        if isPlain(text) {
            hex = text
            return
        }
        let lowered = text.lowercased()
        guard isPlain(lowered) else { return nil }
        hex = lowered
    }

    /// Takes the 32 bytes that a hash function gave.
    fileprivate init(bytes: [UInt8]) {
        func digit(_ half: UInt8) -> UInt8 { half < 10 ? 48 + half : 87 + half }
        hex = String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[2 * index] = digit(byte >> 4)
                buffer[2 * index + 1] = digit(byte & 15)
            }
            return bytes.count * 2
        }
    }

    /// The digest of bytes in memory.
    public init(of bytes: some ContiguousBytes) {
        var hasher = Hasher()
        bytes.withUnsafeBytes { hasher.update($0) }
        self = hasher.finish()
    }

    /// The digest of a text's UTF-8.
    public init(of text: String) {
        var hasher = Hasher()
        hasher.update(text)
        self = hasher.finish()
    }

    /// The first twelve digits: enough for people to tell digests apart.
    public var short: String { String(hex.prefix(12)) }

    /// The 64 hexadecimal digits.
    public var description: String { hex }

    /// Orders digests as their digits.
    public static func < (left: Digest, right: Digest) -> Bool { left.hex < right.hex }
}

extension Digest {
    /// A SHA-256 in the making: feed it bytes piece by piece, then `finish()`.
    ///
    /// Runs in libcrypto, which uses the SHA instructions of the processor where there are any.
    public struct Hasher: ~Copyable {
        private let context: OpaquePointer
        /// Looked up once: with what `EVP_sha256` gives, libcrypto looks it up for every hash.
        nonisolated(unsafe) private static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)

        /// A hash of no bytes yet.
        public init() {
            // Both fail only when memory is exhausted or libcrypto was built without SHA-256.
            guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, Hasher.sha256, nil) == 1 else {
                preconditionFailure("libcrypto has no SHA-256")
            }
            self.context = context
        }

        deinit { EVP_MD_CTX_free(context) }

        /// Adds bytes.
        public mutating func update(_ bytes: UnsafeRawBufferPointer) {
            guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
            precondition(EVP_DigestUpdate(context, base, bytes.count) == 1, "libcrypto refused \(bytes.count) bytes")
        }

        /// Adds the UTF-8 of a text.
        public mutating func update(_ text: String) {
            var text = text
            text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
        }

        /// The digest of all that was added.
        public consuming func finish() -> Digest {
            var bytes = [UInt8](repeating: 0, count: 32)
            precondition(EVP_DigestFinal_ex(context, &bytes, nil) == 1, "libcrypto could not finish a digest")
            return Digest(bytes: bytes)
        }
    }
}
