public import Artifacts
import Foundation
import GRDB

/// What tells a video from others when its bytes are not the same any more.
public struct VideoFingerprint: Hashable, Sendable {
    /// SHA-256 of its coded pictures, each after its length: the same in another container.
    public let packets: Digest
    /// Perceptual hashes of frames at moments that lie evenly over it, of 64 bits each: near for a copy that was coded anew.
    public let frames: [UInt64]

    /// A fingerprint as it is.
    public init(packets: Digest, frames: [UInt64]) {
        self.packets = packets
        self.frames = frames
    }

    /// How many bits differ, of 64 for each frame; nil when there are not as many frames.
    public func distance(to other: VideoFingerprint) -> Int? {
        guard frames.count == other.frames.count, !frames.isEmpty else { return nil }
        return zip(frames, other.frames).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
    }
}

/// A video of an artifact and its fingerprint.
public struct FingerprintRecord: Hashable, Sendable {
    /// The artifact.
    public let artifact: Digest
    /// The video's path in it.
    public let path: String
    /// Its fingerprint.
    public let fingerprint: VideoFingerprint

    /// A record as it is.
    public init(artifact: Digest, path: String, fingerprint: VideoFingerprint) {
        self.artifact = artifact
        self.path = path
        self.fingerprint = fingerprint
    }
}

extension LineageDatabase {
    /// Remembers fingerprints, which outlive the videos that they were taken of.
    public func record(_ fingerprints: [FingerprintRecord]) throws {
        guard !fingerprints.isEmpty else { return }
        try write("record fingerprints", durable: false) { database in
            for record in fingerprints {
                let frames = record.fingerprint.frames.map { bits in
                    let digits = String(bits, radix: 16)
                    return String(repeating: "0", count: 16 - digits.count) + digits
                }
                try database.run(
                    "INSERT OR REPLACE INTO fingerprints (artifact, path, packets, frames) VALUES (?, ?, ?, ?)",
                    [
                        record.artifact.hex, record.path, record.fingerprint.packets.hex,
                        frames.joined(separator: " "),
                    ])
                try seal(.fingerprint, "\(record.artifact.hex) \(record.path)", in: database)
            }
        }
    }
}

extension LineageReader {
    /// All fingerprints.
    public func fingerprints() throws -> [FingerprintRecord] {
        try database.rows("SELECT * FROM fingerprints ORDER BY artifact, path").map(fingerprint)
    }

    /// The fingerprint of one video.
    public func fingerprint(of artifact: Digest, path: String) throws -> VideoFingerprint? {
        try database.row("SELECT * FROM fingerprints WHERE artifact = ? AND path = ?", [artifact.hex, path])
            .map { try fingerprint($0).fingerprint }
    }

    private func fingerprint(_ row: Row) throws -> FingerprintRecord {
        let text: String = row["frames"]
        let frames = try text.split(separator: " ").map { digits in
            guard digits.utf8.count == 16, let bits = UInt64(digits, radix: 16) else {
                throw LineageError.record(what: "a fingerprint", reason: "\"\(digits)\" is no hash of a frame")
            }
            return bits
        }
        return FingerprintRecord(
            artifact: try row.digest("artifact"), path: row["path"],
            fingerprint: VideoFingerprint(packets: try row.digest("packets"), frames: frames))
    }
}
