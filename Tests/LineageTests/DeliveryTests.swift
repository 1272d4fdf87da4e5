import Artifacts
import Foundation
import Lineage
import Testing

@Suite struct DeliveryTests {
    @Test("what was handed out is found by its digest and by its artifact, and the first time counts")
    func deliveries() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let (artifact, bytes) = (Digest(of: "artifact"), Digest(of: "bytes"))
        let first = Delivery(digest: bytes, artifact: artifact, path: "a.mp4", run: RunID("r"), date: epoch)
        try database.record([first])
        try database.record([
            Delivery(digest: bytes, artifact: artifact, path: "a.mp4", run: nil, date: epoch + 60),
            Delivery(digest: Digest(of: "x"), artifact: artifact, path: "b.mp4", run: nil, date: epoch + 1),
        ])
        #expect(try database.read { try $0.deliveries(withDigest: bytes) } == [first])
        #expect(try database.read { try $0.deliveries(of: artifact) }.map(\.path) == ["a.mp4", "b.mp4"])
        #expect(try database.read { try $0.deliveries(of: bytes) } == [])
    }

    @Test("fingerprints come back bit by bit, the later one of two")
    func fingerprints() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let artifact = Digest(of: "artifact")
        let old = VideoFingerprint(packets: Digest(of: "old"), frames: [1])
        let new = VideoFingerprint(packets: Digest(of: "new"), frames: [0, 1, .max, 0x8000_0000_0000_0000])
        for fingerprint in [old, new] {
            try database.record([FingerprintRecord(artifact: artifact, path: "v.mp4", fingerprint: fingerprint)])
        }
        #expect(try database.read { try $0.fingerprints() }.map(\.fingerprint) == [new])
        #expect(try database.read { try $0.fingerprint(of: artifact, path: "v.mp4") } == new)
        #expect(try database.read { try $0.fingerprint(of: artifact, path: "w.mp4") } == nil)
        #expect(new.distance(to: new) == 0 && new.distance(to: old) == nil)
        let other = VideoFingerprint(packets: Digest(of: "o"), frames: [3, 1, 0, 0])
        #expect(new.distance(to: other) == 2 + 0 + 64 + 1)
    }
}
