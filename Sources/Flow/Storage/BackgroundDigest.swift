import Artifacts
import Dispatch

/// Hashes bytes on a thread of its own while others write them: of a large file that is half of the work.
///
/// Unchecked: only `queue` touches the hasher, or, for few bytes, the thread that adds them.
final class BackgroundDigest: @unchecked Sendable {
    /// How many pieces may be under way; their memory must stay as it is until `wait()`, or until so many more were added.
    static let pieces = 2

    private var hasher = Digest.Hasher()
    private let queue = DispatchQueue(label: "digest")
    private let room = DispatchSemaphore(value: 0)
    private let isInline: Bool

    /// A digest of so many bytes; few are hashed where they are added.
    init(size: Int) {
        isInline = size <= FrameWriter.chunk
        // Not as its first value: a semaphore that ends below that ends the process.
        for _ in 0..<Self.pieces { room.signal() }
    }

    /// Waits until the memory of the next piece may be written.
    func makeRoom() { if !isInline { room.wait() } }

    /// Adds a piece for which room was made.
    func add(_ bytes: UnsafeRawBufferPointer) {
        guard !isInline else { return hasher.update(bytes) }
        nonisolated(unsafe) let bytes = bytes
        queue.async {
            self.hasher.update(bytes)
            self.room.signal()
        }
    }

    /// Waits for all pieces.
    func wait() { if !isInline { queue.sync {} } }

    /// The digest of all pieces.
    func finish() -> Digest {
        wait()
        var whole = Digest.Hasher()
        swap(&whole, &hasher)
        return whole.finish()
    }
}
