import Artifacts
import Foundation
import Testing

@Suite struct SigningKeyTests {
    private func data(_ hex: String) -> Data {
        let digits = Array(hex)
        return Data(
            stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) })
    }

    private func pem(_ label: String, _ body: Data) -> Data {
        Data("-----BEGIN \(label)-----\n\(body.base64EncodedString())\n-----END \(label)-----\n".utf8)
    }

    @Test func `Ed25519 signs as RFC 8032 does`() throws {
        // Section 7.1, tests 1 and 2.
        let vectors = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                    + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ]
        for (seed, message, signature) in vectors {
            let key = try SigningKey(pem: pem("PRIVATE KEY", data("302e020100300506032b657004220420" + seed)))
            #expect(key.signature(of: data(message)) == data(signature))
        }
    }

    @Test func `what cannot sign says why`() {
        #expect(throws: SigningError.notPrivate(isPublic: false)) { try SigningKey(pem: Data("nonsense".utf8)) }
        #expect(throws: SigningError.notPrivate(isPublic: true)) {
            try SigningKey(pem: pem("PUBLIC KEY", data("302a300506032b6570032100" + String(repeating: "0", count: 64))))
        }
        #expect(throws: SigningError.encrypted) { try SigningKey(pem: pem("ENCRYPTED PRIVATE KEY", data("3000"))) }
        // X25519 agrees on secrets and signs nothing.
        #expect(throws: SigningError.algorithm) {
            try SigningKey(
                pem: pem(
                    "PRIVATE KEY", data("302e020100300506032b656e04220420" + String(repeating: "11", count: 32))))
        }
    }

    @Test func `a name has one UUID in a namespace, that of RFC 9562`() throws {
        let names = try #require(UUID(uuidString: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
        let uuid = UUID(of: "www.example.com", in: names)
        #expect(uuid.uuidString.lowercased() == "2ed6657d-e927-568b-95e1-2665a8aea6a2")
    }
}
