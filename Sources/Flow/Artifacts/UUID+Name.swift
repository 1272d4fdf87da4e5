import CCrypto
public import Foundation

extension UUID {
    /// The UUID of a name in a namespace, version 5 (RFC 9562): equal names, equal UUIDs.
    public init(of name: String, in namespace: UUID) {
        var hash = [UInt8](repeating: 0, count: 20)
        let bytes = withUnsafeBytes(of: namespace.uuid) { Array($0) } + Array(name.utf8)
        guard EVP_Digest(bytes, bytes.count, &hash, nil, EVP_sha1(), nil) == 1 else {
            preconditionFailure("libcrypto has no SHA-1")
        }
        hash[6] = hash[6] & 0x0F | 0x50
        hash[8] = hash[8] & 0x3F | 0x80
        self.init(
            uuid: (
                hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7], hash[8], hash[9], hash[10],
                hash[11], hash[12], hash[13], hash[14], hash[15]
            ))
    }
}
