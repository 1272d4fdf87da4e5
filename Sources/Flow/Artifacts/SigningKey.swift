import CCrypto
public import Foundation

/// A private key that documents are signed with: Ed25519, or ECDSA over P-256 with SHA-256.
///
/// Runs in libcrypto. Signatures are as RFC 8032 has them (64 bytes), or DER (RFC 3279), which is what DSSE's readers
/// expect of either.
public final class SigningKey {
    private let key: OpaquePointer
    private let isEd25519: Bool

    /// Reads a private key in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// - Throws: `SigningError` for anything else, and for keys with a passphrase, which are never asked for.
    public init(pem: Data) throws(SigningError) {
        let read = pem.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            // Without a callback libcrypto would ask on the terminal.
            return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        }
        ERR_clear_error()
        guard let read else {
            let text = String(decoding: pem, as: UTF8.self)
            if text.contains("ENCRYPTED") { throw .encrypted }
            throw .notPrivate(isPublic: text.contains("PUBLIC KEY"))
        }
        switch EVP_PKEY_get_base_id(read) {
        case EVP_PKEY_ED25519: isEd25519 = true
        case EVP_PKEY_EC where Self.curve(of: read) == "prime256v1": isEd25519 = false
        default:
            EVP_PKEY_free(read)
            throw .algorithm
        }
        key = read
    }

    deinit { EVP_PKEY_free(key) }

    private static func curve(of key: OpaquePointer) -> String {
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        guard EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return "" }
        return String(decoding: name.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The signature of bytes.
    public func signature(of message: Data) -> Data {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory") }
        defer { EVP_MD_CTX_free(context) }
        let bytes = Array(message)
        var count = 0
        guard EVP_DigestSignInit(context, nil, isEd25519 ? nil : EVP_sha256(), nil, key) == 1,
            EVP_DigestSign(context, nil, &count, bytes, bytes.count) == 1
        else { preconditionFailure("libcrypto cannot sign with a key that it read") }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1 else {
            preconditionFailure("libcrypto cannot sign with a key that it read")
        }
        return Data(signature.prefix(count))
    }

    /// The name of the key: the SHA-256 of its public half (DER of SubjectPublicKeyInfo).
    ///
    /// `openssl pkey -in KEY -pubout -outform DER | sha256sum` gives the same.
    public var id: Digest {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_PUBKEY(key, &bytes)
        guard count > 0, let bytes else { preconditionFailure("libcrypto cannot write the public half of a key") }
        defer { CRYPTO_free(bytes, #file, Int32(#line)) }
        return Digest(of: Data(bytes: bytes, count: Int(count)))
    }
}

/// Why a key cannot sign.
public enum SigningError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It has a passphrase.
    case encrypted
    /// It is no private key in PEM.
    case notPrivate(isPublic: Bool)
    /// It is a key of another kind.
    case algorithm

    /// What is wrong, and what to do.
    public var description: String {
        switch self {
        case .encrypted:
            "the key has a passphrase, which is not asked for; `openssl pkey -in KEY -out PLAIN` takes it off"
        case .notPrivate(let isPublic):
            (isPublic ? "it is a public key: the private one signs" : "it is no private key in PEM")
                + "; `openssl genpkey -algorithm ed25519 -out KEY` makes one"
        case .algorithm: "keys are Ed25519 or ECDSA over P-256; `openssl genpkey -algorithm ed25519 -out KEY` makes one"
        }
    }
}
