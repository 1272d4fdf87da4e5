public import Foundation

/// Named tensors on disk, in safetensors files: one, or the shards of an index.
///
/// Names and shapes cost only the headers; values are read from the memory-mapped files when asked for. Immutable.
///
/// ```swift
/// let checkpoint = try Checkpoint.open(modelFolder)
/// let weight = try checkpoint.tensor("conv_in.weight")
/// ```
public final class Checkpoint: Sendable {
    /// What a header says of one tensor.
    public struct Entry: Hashable, Sendable {
        /// Its name in the file.
        public let name: String
        /// How it is stored.
        public let type: ElementType
        /// Its shape; empty for a scalar.
        public let shape: [Int]
        /// Elements.
        public let count: Int
        /// The path of the file that holds it.
        public let file: String
        /// Where its data lies in that file; inside the file, as the header was checked.
        let bytes: Range<Int>
    }

    /// The file, the index, or for a folder the file or index that was found in it.
    public let location: URL
    /// All names, sorted.
    public let names: [String]
    /// The free text that the writer left in the header (of all shards together).
    public let metadata: [String: String]
    private let entries: [String: Entry]
    private let files: [String: MappedFile]

    init(location: URL, entries: [String: Entry], metadata: [String: String], files: [String: MappedFile]) {
        self.location = location
        self.entries = entries
        self.metadata = metadata
        self.files = files
        names = entries.keys.sorted()
    }

    /// What the header says of a tensor, nil when there is none of that name.
    public func entry(_ name: String) -> Entry? { entries[name] }

    /// The stored bytes of one of this checkpoint's entries, wherever its shard is mapped.
    func read<R>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        guard let file = files[entry.file] else { preconditionFailure("an entry of another checkpoint") }
        return file.read(entry.bytes, body)
    }

    /// Gives the memory of an entry's stored bytes back to the system until they are read again.
    func release(_ entry: Entry) { files[entry.file]?.release(entry.bytes) }
}
