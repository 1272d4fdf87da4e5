/// What a file of `torch.save` says of itself: a ZIP archive with a pickle of names, and a file for each storage.
///
/// A dictionary of tensors has their names; one that keeps it under `state_dict` is looked into; a list of tensors, as
/// MotionDirector writes, has the names 0, 1, …. What is no tensor is passed over. Storages may be shared and views
/// strided.
struct TorchFile {
    /// One tensor.
    struct Line {
        let name: String
        let type: ElementType
        let shape: [Int]
        /// In elements; nil where they follow one another.
        let strides: [Int]?
        let count: Int
        /// In the file: from the first element to the last.
        let bytes: Range<Int>
    }

    let lines: [Line]

    /// No file of weights comes near: a pickle has some hundred bytes for each tensor.
    static let largestPickle = 16 << 20

    init(of file: MappedFile) throws(CheckpointError) {
        func malformed(_ reason: String) -> CheckpointError { .malformedTorchFile(path: file.path, reason: reason) }
        let archive = try ZipDirectory(of: file)
        let pickles = archive.files.keys.filter { $0.hasSuffix("/data.pkl") }
        guard pickles.count == 1, let name = pickles.first else {
            throw malformed("it has \(pickles.count) files data.pkl, not 1: is it an archive of something else?")
        }
        let top = name.dropLast("data.pkl".count)
        if let order = archive.files["\(top)byteorder"],
            file.read(order, { !$0.elementsEqual("little".utf8) })
        {
            throw malformed("its numbers are not little-endian")
        }
        let range = archive.files[name] ?? 0..<0
        guard range.count <= Self.largestPickle else { throw malformed("its pickle has \(range.count) bytes") }
        let pickle: Pickle
        do {
            pickle = try Pickle(file.read(range) { Array($0) })
        } catch {
            throw malformed("data.pkl, byte \(error.offset): \(error.reason)")
        }
        var lines: [Line] = []
        var names: Set<String> = []
        for (name, number) in try Self.named(pickle, malformed) {
            func malformed(_ reason: String) -> CheckpointError {
                .malformedTensor(path: file.path, tensor: name, reason: reason)
            }
            guard names.insert(name).inserted else { throw malformed("the name occurs twice") }
            let tensor = pickle.tensors[number]
            let storage = pickle.storages[tensor.storage]
            guard let bytes = archive.files["\(top)data/\(storage.key)"] else {
                throw malformed("its storage '\(storage.key)' is not in the file")
            }
            let (size, overflow) = storage.count.multipliedReportingOverflow(by: storage.type.size)
            guard !overflow, size == bytes.count else {
                throw malformed(
                    "its storage of \(storage.count) \(storage.type.rawValue) takes \(size) bytes, but has \(bytes.count)"
                )
            }
            guard let extent = Extent(tensor) else { throw malformed("shape \(tensor.shape) is too large or negative") }
            guard extent.count <= storage.count || extent.last > storage.count else {
                throw malformed(
                    "shape \(tensor.shape) with strides \(tensor.strides) repeats the \(storage.count) elements of its storage: "
                        + "save it as `.contiguous()`")
            }
            guard extent.last <= storage.count else {
                throw malformed(
                    "shape \(tensor.shape) with strides \(tensor.strides) from \(tensor.offset) goes beyond its storage of "
                        + "\(storage.count)")
            }
            let start = bytes.lowerBound + tensor.offset * storage.type.size
            let end = extent.count == 0 ? start : bytes.lowerBound + extent.last * storage.type.size
            lines.append(
                Line(
                    name: name, type: storage.type, shape: tensor.shape,
                    strides: extent.isContiguous ? nil : tensor.strides, count: extent.count, bytes: start..<end))
        }
        self.lines = lines
    }

    /// The tensors of a pickle with their names.
    private static func named(
        _ pickle: Pickle, _ malformed: (String) -> CheckpointError
    ) throws(CheckpointError) -> [(name: String, tensor: Int)] {
        func entries(_ dictionary: Int) -> [(name: String, tensor: Int)] {
            pickle.dictionaries[dictionary].compactMap { pair in
                guard case .text(let name) = pair.key, case .tensor(let tensor) = pair.value else { return nil }
                return (name, tensor)
            }
        }
        switch pickle.result {
        case .dictionary(let dictionary):
            let inner = pickle.dictionaries[dictionary].last { $0.key == .text("state_dict") }?.value
            if case .dictionary(let inner)? = inner { return entries(inner) }
            return entries(dictionary)
        case .list(let list):
            return pickle.lists[list].enumerated().compactMap { index, value in
                if case .tensor(let tensor) = value { ("\(index)", tensor) } else { nil }
            }
        default:
            throw malformed("it holds neither a dictionary nor a list of tensors")
        }
    }

    /// How far a view reaches into its storage.
    private struct Extent {
        let count: Int
        /// One behind the last element; the offset for none.
        let last: Int
        let isContiguous: Bool

        /// Nil for negative numbers and what does not fit a whole number.
        init?(_ tensor: Pickle.Tensor) {
            guard tensor.offset >= 0, (tensor.shape + tensor.strides).allSatisfy({ $0 >= 0 }) else { return nil }
            var (count, reach, dense) = (1, 0, true)
            for (extent, stride) in zip(tensor.shape, tensor.strides).reversed() {
                if extent > 1, stride != count { dense = false }
                let (product, overflow) = count.multipliedReportingOverflow(by: extent)
                let (step, overflowInStep) = max(0, extent - 1).multipliedReportingOverflow(by: stride)
                let (sum, overflowInSum) = reach.addingReportingOverflow(step)
                guard !overflow, !overflowInStep, !overflowInSum else { return nil }
                (count, reach) = (product, sum)
            }
            let (end, overflow) = tensor.offset.addingReportingOverflow(count == 0 ? 0 : reach)
            guard !overflow, end < Int.max else { return nil }
            self.count = count
            last = count == 0 ? end : end + 1
            isContiguous = dense
        }
    }
}
