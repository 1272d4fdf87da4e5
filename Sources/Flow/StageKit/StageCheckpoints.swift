public import Foundation

/// Where long work was when it was last written down, so that it can go on there after an interruption.
///
/// A checkpoint belongs to the work before it: to the stage, its inputs, models and settings, but for those that only say
/// how far to go (`Stage.progressSettings`). It is written now and then, by time; whether there was one must not
/// change what comes out.
public struct StageCheckpoints: Sendable {
    /// One of them, restored.
    public struct Checkpoint: Sendable {
        /// How many units of the work it holds.
        public let done: Int
        /// Its files; read only.
        public let folder: URL

        /// A checkpoint as it is.
        public init(done: Int, folder: URL) {
            self.done = done
            self.folder = folder
        }
    }

    /// The newest one of a part of the work that holds at most so many units, whole and verified; nil without any.
    ///
    /// Throws what the disk and `CancellationError` throw.
    public let latest: @Sendable (_ part: String, _ most: Int) throws -> Checkpoint?
    /// Whether the last one, or the beginning, was long enough ago.
    public let isDue: @Sendable () -> Bool
    /// Keeps what `write` puts into an empty folder, after `done` units of a part.
    ///
    /// Throws what `write`, the store and the database throw.
    public let keep: @Sendable (_ part: String, _ done: Int, _ write: (URL) throws -> Void) throws -> Void

    /// Ways to find and to keep them.
    public init(
        latest: @escaping @Sendable (_ part: String, _ most: Int) throws -> Checkpoint?,
        isDue: @escaping @Sendable () -> Bool,
        keep: @escaping @Sendable (_ part: String, _ done: Int, _ write: (URL) throws -> Void) throws -> Void
    ) {
        self.latest = latest
        self.isDue = isDue
        self.keep = keep
    }

    /// There is none, and none is kept.
    public static let none = StageCheckpoints(latest: { _, _ in nil }, isDue: { false }, keep: { _, _, _ in })
}
