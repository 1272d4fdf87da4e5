public import Artifacts
public import Lineage

/// How a file was recognised, and how surely.
public struct FileMatch: Hashable, Sendable {
    /// What was equal or near.
    public enum Evidence: Hashable, Sendable {
        /// Its bytes are those of a file in an artifact.
        case bytes
        /// Its bytes are those of a file that was handed out with words in it.
        case delivery(Delivery)
        /// The words in it name the artifact.
        case tags(Pictures)
        /// Its frames look like those of the artifact.
        case frames(FrameDistance)
    }

    /// What became of the pictures of a file whose words name its artifact.
    public enum Pictures: Hashable, Sendable {
        /// Its coded pictures are those of the artifact, in another container.
        case same
        /// They were coded anew, and look like those of the artifact.
        case alike(FrameDistance)
        /// They are others.
        case others(FrameDistance?)
        /// The artifact's video is not in the store any more, and nothing of it was written down.
        case unknown
    }

    /// How far the frames of two videos are from each other.
    public struct FrameDistance: Hashable, Sendable {
        /// Bits that differ.
        public let bits: Int
        /// Bits that were compared.
        public let of: Int
        /// Bits that differ from the nearest video with other pictures; nil when there is none.
        public let runnerUp: Int?
        /// The artifact of that one.
        public let runnerUpArtifact: Digest?

        /// Up to how many of `of` bits two videos are taken for copies of one: a sixteenth.
        ///
        /// Measured on 8 frames, 512 bits, of the eight videos of `pipelines/jumping.yaml`: copies coded anew (H.264 at crf
        /// 35, MPEG-4, VP9, GIF; half and double size; 5, 12 and 25 frames a second; brighter; cut by two pixels on each side)
        /// are at most 24 bits from their originals, videos of other prompts or seeds at least 114. The nearest two clips of
        /// one motion on one ground among those that the repository ships are 38 bits apart.
        public static func limit(of bits: Int) -> Int { bits / 16 }

        /// Whether it is near enough to be taken for a copy.
        public var isNear: Bool { bits <= Self.limit(of: of) }
        /// Whether another video is near enough as well.
        public var isAmbiguous: Bool { runnerUp.map { $0 <= Self.limit(of: of) } ?? false }
    }

    /// What was equal or near.
    public let evidence: Evidence
    /// The artifact; the first, where several hold the same bytes.
    public let artifact: Digest
    /// The path of the file in it.
    public let path: String

    /// One word for programs: `digest`, `metadata`, `frames`.
    public var word: String {
        switch evidence {
        case .bytes, .delivery: "digest"
        case .tags: "metadata"
        case .frames: "frames"
        }
    }

    /// How surely, in one word: `certain`, `likely`, `unsure`, `refuted`.
    public var certainty: String {
        switch evidence {
        case .bytes, .delivery, .tags(.same): "certain"
        case .tags(.alike(let distance)), .frames(let distance): distance.isAmbiguous ? "unsure" : "likely"
        case .tags(.unknown): "unsure"
        case .tags(.others): "refuted"
        }
    }

    /// The sentence for people.
    public var description: String {
        switch evidence {
        case .bytes: "matched by digest: certain"
        case .delivery(let delivery):
            "matched by digest: certain (handed out by `motrans get`"
                + (delivery.run.map { " for run \($0)" } ?? "") + ")"
        case .tags(.same):
            "matched by the id in its metadata; its pictures are those of the artifact, packet by packet: certain"
        case .tags(.alike(let distance)):
            "matched by the id in its metadata; its pictures were coded anew and look like those of the artifact: "
                + distance.description
        case .tags(.others(let distance)):
            "matched by the id in its metadata only: its pictures are NOT those of the artifact"
                + (distance.map { " (\($0.bits) of \($0.of) bits of its frame hashes differ)" } ?? "")
        case .tags(.unknown):
            "matched by the id in its metadata; whether its pictures are those of the artifact cannot be told: that video is "
                + "not in the store any more, and it was never fingerprinted"
        case .frames(let distance): "matched by the look of its frames: \(distance.description)"
        }
    }
}

extension FileMatch.FrameDistance: CustomStringConvertible {
    /// The sentence for people.
    public var description: String {
        var text = "\(bits) of \(of) bits of its frame hashes differ (at most \(Self.limit(of: of)) in copies)"
        if let runnerUp {
            text +=
                isAmbiguous
                ? "; UNSURE: another video is as near, at \(runnerUp)" : "; the next video is at \(runnerUp)"
            if isAmbiguous, let runnerUpArtifact { text += " (artifact \(runnerUpArtifact.short))" }
        }
        return text
    }
}
