public import Foundation

/// Named tensors on disk, in safetensors files or those of `torch.save`: one, or the shards of an index.
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
        /// Of a view that PyTorch stored as it lay, in elements; nil where elements follow one another.
        var strides: [Int]? = nil
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

    /// The elements of one of this checkpoint's entries, row-major as they are stored, wherever its shard is mapped.
    func read<R>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        guard let file = files[entry.file] else { preconditionFailure("an entry of another checkpoint") }
        guard let strides = entry.strides else { return file.read(entry.bytes, body) }
        let dense = file.read(entry.bytes) { source in
            gathered(source, shape: entry.shape, strides: strides, size: entry.type.size)
        }
        return dense.withUnsafeBytes(body)
    }

    /// Elements of a strided view, one behind the other.
    private func gathered(_ source: UnsafeRawBufferPointer, shape: [Int], strides: [Int], size: Int) -> [UInt8] {
        let count = shape.reduce(1, *)
        var index = [Int](repeating: 0, count: shape.count)
        var start = 0
        return [UInt8](unsafeUninitializedCapacity: count * size) { target, filled in
            for element in 0..<count {
                for byte in 0..<size { target[element * size + byte] = source[start * size + byte] }
                var axis = shape.count - 1
                while axis >= 0 {
                    index[axis] += 1
                    start += strides[axis]
                    if index[axis] < shape[axis] { break }
                    start -= strides[axis] * shape[axis]
                    index[axis] = 0
                    axis -= 1
                }
            }
            filled = count * size
        }
    }

    /// Gives the memory of an entry's stored bytes back to the system until they are read again.
    func release(_ entry: Entry) { files[entry.file]?.release(entry.bytes) }
}
