import Artifacts
import Execution
import Foundation
import Lineage
import Media

extension VideoInspector {
    /// The one that reads videos with libav.
    static let libAV = VideoInspector(
        tags: { try VideoTags.read($0) },
        fingerprint: { url in
            var hasher = Digest.Hasher()
            try VideoPackets.forEach(in: url) { packet in
                hasher.update("\(packet.count)\n")
                hasher.update(packet)
            }
            return VideoFingerprint(packets: hasher.finish(), frames: try VideoReader.hashes(of: url).map(\.bits))
        },
        copy: { try VideoTags.copy($0, to: $1, tags: $2) })
}
