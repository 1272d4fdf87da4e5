public import Foundation
public import Lineage

/// What the engine asks of those who can read videos: it knows nothing of pictures itself.
public struct VideoInspector: Sendable {
    /// The words in a file's container by their standard names (`title`, `comment`, `synopsis`); throws for what is no video.
    public let tags: @Sendable (URL) throws -> [String: String]
    /// What tells a video from others; throws for what cannot be decoded.
    public let fingerprint: @Sendable (URL) throws -> VideoFingerprint
    /// Copies a video with these words in its container, its coded pictures as they are.
    ///
    /// Equal files and words give equal bytes.
    public let copy: @Sendable (_ source: URL, _ target: URL, _ tags: [String: String]) throws -> Void

    /// An inspector of these three.
    public init(
        tags: @escaping @Sendable (URL) throws -> [String: String],
        fingerprint: @escaping @Sendable (URL) throws -> VideoFingerprint,
        copy: @escaping @Sendable (_ source: URL, _ target: URL, _ tags: [String: String]) throws -> Void
    ) {
        self.tags = tags
        self.fingerprint = fingerprint
        self.copy = copy
    }
}
