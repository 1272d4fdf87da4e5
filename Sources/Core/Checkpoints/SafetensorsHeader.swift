/// What a safetensors file says of itself: 8 bytes of length, JSON, then data without holes (diffusion.md, Appendix A).
///
/// As strict as the reference reader: names once, known types, shapes that give exactly the bytes claimed, ranges that
/// follow one another from the first byte of the data to the last. So no two tensors share bytes and nothing hides.
struct SafetensorsHeader {
    /// One line of the header; ranges count from the first byte of the data.
    struct Line {
        let name: String
        let type: ElementType
        let shape: [Int]
        let count: Int
        let bytes: Range<Int>
    }

    let lines: [Line]
    let metadata: [String: String]
    /// Where the data begins in the file.
    let dataStart: Int

    /// No header that anybody writes comes near; the reference reader has the same limit.
    static let largestHeader = 100_000_000

    init(of file: MappedFile) throws(CheckpointError) {
        let path = file.path
        guard file.count >= 8 else {
            throw .malformedFile(path: path, reason: "\(file.count) bytes are too few for a header")
        }
        let length = file.read(0..<8) { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(SafetensorsHeader.largestHeader) else {
            throw .malformedFile(path: path, reason: "claims a header of \(length) bytes; is it another kind of file?")
        }
        guard 8 + Int(length) <= file.count else {
            throw .malformedFile(
                path: path, reason: "its header of \(length) bytes goes beyond the end of the file, at \(file.count)")
        }
        dataStart = 8 + Int(length)
        let text = file.read(8..<dataStart) { Array($0) }
        var scanner = HeaderScanner(text)
        let raw: HeaderScanner.Header
        do {
            raw = try scanner.header()
        } catch {
            throw .malformedFile(path: path, reason: "header, byte \(error.offset): \(error.reason)")
        }
        metadata = raw.metadata
        lines = try SafetensorsHeader.check(raw.tensors, dataCount: file.count - dataStart, path: path)
    }

    private static func check(
        _ tensors: [HeaderScanner.Tensor], dataCount: Int, path: String
    ) throws(CheckpointError) -> [Line] {
        var names: Set<String> = []
        var lines: [Line] = []
        for tensor in tensors {
            func malformed(_ reason: String) -> CheckpointError {
                .malformedTensor(path: path, tensor: tensor.name, reason: reason)
            }
            guard names.insert(tensor.name).inserted else { throw malformed("the name occurs twice") }
            guard let type = ElementType(rawValue: tensor.type) else {
                let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
                throw malformed("unknown type '\(tensor.type)' (known: \(known))")
            }
            guard tensor.offsets.count == 2 else {
                throw malformed("data_offsets has \(tensor.offsets.count) numbers, not 2")
            }
            let (begin, end) = (tensor.offsets[0], tensor.offsets[1])
            guard begin <= end else { throw malformed("its data ends (\(end)) before it begins (\(begin))") }
            guard end <= dataCount else {
                throw malformed(
                    "its data ends at \(end), beyond the \(dataCount) bytes there are: is the file cut off?")
            }
            var count = 1
            var size = type.size
            for extent in tensor.shape {
                let (product, overflow) = count.multipliedReportingOverflow(by: extent)
                let (bytes, overflowInBytes) = product.multipliedReportingOverflow(by: type.size)
                guard !overflow, !overflowInBytes else { throw malformed("its shape \(tensor.shape) is too large") }
                count = product
                size = bytes
            }
            guard size == end - begin else {
                throw malformed(
                    "shape \(tensor.shape) of \(type.rawValue) takes \(size) bytes, but \(end - begin) are given")
            }
            lines.append(
                Line(name: tensor.name, type: type, shape: tensor.shape, count: count, bytes: begin..<end))
        }
        lines.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
        var next = 0
        for (index, line) in lines.enumerated() {
            if line.bytes.lowerBound < next {
                throw .malformedTensor(
                    path: path, tensor: line.name, reason: "its data overlaps that of '\(lines[index - 1].name)'")
            }
            if line.bytes.lowerBound > next {
                throw .malformedTensor(
                    path: path, tensor: line.name,
                    reason: "\(line.bytes.lowerBound - next) bytes before its data belong to no tensor")
            }
            next = line.bytes.upperBound
        }
        guard next == dataCount else {
            throw .malformedFile(path: path, reason: "\(dataCount - next) bytes at the end belong to no tensor")
        }
        return lines
    }
}
