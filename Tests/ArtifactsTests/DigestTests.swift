import Artifacts
import Foundation
import Testing

@Suite struct DigestTests {
    @Test(
        "a digest is the SHA-256 of FIPS 180-2",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func knownAnswers(text: String, hex: String) {
        #expect(Digest(of: text).hex == hex)
        #expect(Digest(of: Data(text.utf8)).hex == hex)
    }

    @Test("bytes in pieces have the digest of the whole", arguments: 0..<16 as Range<UInt64>)
    func pieces(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let bytes = (0..<10_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var hasher = Digest.Hasher()
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 0...3000, using: &generator))
            piece.withUnsafeBytes { hasher.update($0) }
            rest = rest.dropFirst(piece.count)
        }
        #expect(hasher.finish() == Digest(of: bytes))
    }

    @Test("only 64 hexadecimal digits are a digest, and upper case is taken")
    func parsing() {
        let digest = Digest(of: "abc")
        #expect(Digest(hex: digest.hex.uppercased()) == digest)
        #expect(Digest(hex: String(digest.hex.dropLast())) == nil)
        #expect(Digest(hex: digest.hex + "0") == nil)
        #expect(Digest(hex: String(digest.hex.dropLast()) + "g") == nil)
        #expect(digest.short == "ba7816bf8f01")
    }
}
