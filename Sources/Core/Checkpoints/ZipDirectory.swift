/// The files inside a ZIP archive as PyTorch writes it: stored, not compressed, so that they can be read where they lie.
///
/// The central directory says what there is, and each local header must have the same name and kind. Refused are names
/// that occur twice, what is encrypted or compressed, and files over the same bytes (APPNOTE 6.3, ZIP64 too).
struct ZipDirectory {
    /// Where each file's bytes lie in the archive, by its name.
    let files: [String: Range<Int>]

    /// Every ZIP archive with a file in it begins so.
    static let signature: [UInt8] = [0x50, 0x4B, 0x03, 0x04]

    /// One without any file.
    static let emptySignature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]

    private enum Mark {
        static let local = 0x0403_4B50
        static let central = 0x0201_4B50
        static let end = 0x0605_4B50
        static let end64 = 0x0606_4B50
        static let locator64 = 0x0706_4B50
    }

    /// Reads the directory of a mapped archive.
    init(of file: MappedFile) throws(CheckpointError) {
        let reader = LittleEndianReader(file)
        let end = try ZipDirectory.end(of: reader)
        guard end.count <= reader.count / 46 else { throw reader.malformed("claims \(end.count) files") }
        var files: [String: Range<Int>] = [:]
        var taken: [Range<Int>] = []
        var place = end.start
        for _ in 0..<end.count {
            let entry = try ZipDirectory.entry(at: place, reader)
            guard entry.next <= end.limit else { throw reader.malformed("its directory of files is cut off") }
            place = entry.next
            // Folders have no bytes.
            if entry.name.hasSuffix("/"), entry.bytes.isEmpty { continue }
            guard files.updateValue(entry.bytes, forKey: entry.name) == nil else {
                throw reader.malformed("it has two files '\(entry.name)'")
            }
            taken.append(entry.whole)
        }
        taken.sort { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(taken, taken.dropFirst()) where one.upperBound > next.lowerBound {
            throw reader.malformed("two of its files share bytes, at \(next.lowerBound)")
        }
        if let last = taken.last, last.upperBound > end.start {
            throw reader.malformed("a file goes on into the directory, at \(end.start)")
        }
        self.files = files
    }

    /// One line of the directory: its file's bytes, those with the local header, and where the next line begins.
    private static func entry(
        at place: Int, _ reader: LittleEndianReader
    ) throws(CheckpointError) -> (name: String, bytes: Range<Int>, whole: Range<Int>, next: Int) {
        guard try reader.number(place, 4) == Mark.central else {
            throw reader.malformed("its directory of files is not sound, at byte \(place)")
        }
        let (flags, method) = (try reader.number(place + 8, 2), try reader.number(place + 10, 2))
        var (stored, size) = (try reader.number(place + 20, 4), try reader.number(place + 24, 4))
        let (nameLength, extraLength) = (try reader.number(place + 28, 2), try reader.number(place + 30, 2))
        let commentLength = try reader.number(place + 32, 2)
        var offset = try reader.number(place + 42, 4)
        let name = try reader.text(place + 46..<place + 46 + nameLength)
        guard flags & 1 == 0 else { throw reader.malformed("'\(name)' is encrypted") }
        guard method == 0 else {
            throw reader.malformed("'\(name)' is compressed; PyTorch stores its files as they are")
        }
        let extra = place + 46 + nameLength
        if [stored, size, offset].contains(0xFFFF_FFFF) {
            var (field, end) = (extra, extra + extraLength)
            while field + 4 <= end {
                let (kind, length) = (try reader.number(field, 2), try reader.number(field + 2, 2))
                if kind == 1 {
                    var value = field + 4
                    end = min(end, value + length)
                    func wide(_ narrow: Int) throws(CheckpointError) -> Int {
                        guard narrow == 0xFFFF_FFFF, value + 8 <= end else { return narrow }
                        defer { value += 8 }
                        return try reader.number(value, 8)
                    }
                    size = try wide(size)
                    stored = try wide(stored)
                    offset = try wide(offset)
                    break
                }
                field += 4 + length
            }
        }
        guard stored == size else { throw reader.malformed("'\(name)' has \(size) bytes in \(stored)") }
        guard try reader.number(offset, 4) == Mark.local else {
            throw reader.malformed("'\(name)' is not where the directory says, at byte \(offset)")
        }
        guard try reader.number(offset + 6, 2) & 1 == 0, try reader.number(offset + 8, 2) == 0 else {
            throw reader.malformed("'\(name)' is encrypted or compressed by its own header, at byte \(offset)")
        }
        let (localName, localExtra) = (try reader.number(offset + 26, 2), try reader.number(offset + 28, 2))
        guard try reader.text(offset + 30..<offset + 30 + localName) == name else {
            throw reader.malformed("'\(name)' has another name in its own header, at byte \(offset)")
        }
        let start = offset + 30 + localName + localExtra
        guard size <= reader.count - start else {
            throw reader.malformed("'\(name)' goes beyond the end of the file, at \(reader.count): is it cut off?")
        }
        return (name, start..<start + size, offset..<start + size, extra + extraLength + commentLength)
    }

    /// The end of the directory, which says where it begins.
    private static func end(
        of reader: LittleEndianReader
    ) throws(CheckpointError) -> (start: Int, limit: Int, count: Int) {
        var place = reader.count - 22
        let lowest = max(0, place - 0xFFFF)
        while place >= lowest {
            if try reader.number(place, 4) == Mark.end, try reader.number(place + 20, 2) == reader.count - place - 22 {
                break
            }
            place -= 1
        }
        guard place >= lowest else { throw reader.malformed("its end is missing: is it cut off?") }
        var (count, start) = (try reader.number(place + 10, 2), try reader.number(place + 16, 4))
        var limit = place
        if count == 0xFFFF || start == 0xFFFF_FFFF {
            guard place >= 20, try reader.number(place - 20, 4) == Mark.locator64 else {
                throw reader.malformed("it is larger than its directory can say")
            }
            limit = try reader.number(place - 12, 8)
            guard try reader.number(limit, 4) == Mark.end64 else {
                throw reader.malformed("its large directory is not where it says, at byte \(limit)")
            }
            count = try reader.number(limit + 32, 8)
            start = try reader.number(limit + 48, 8)
        }
        guard start <= limit else { throw reader.malformed("its directory begins behind its end") }
        return (start, limit, count)
    }
}

/// Numbers and texts of a mapped file, every access checked.
struct LittleEndianReader {
    private let file: MappedFile

    init(_ file: MappedFile) { self.file = file }

    var count: Int { file.count }

    func malformed(_ reason: String) -> CheckpointError { .malformedTorchFile(path: file.path, reason: reason) }

    /// An unsigned number of some bytes.
    func number(_ place: Int, _ width: Int) throws(CheckpointError) -> Int {
        guard place >= 0, place <= file.count - width else {
            throw malformed("it points to byte \(place), and has \(file.count): is it cut off?")
        }
        let value = file.read(place..<place + width) { bytes in
            bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        guard let number = Int(exactly: value) else { throw malformed("a number at byte \(place) is too large") }
        return number
    }

    /// A name in UTF-8.
    func text(_ range: Range<Int>) throws(CheckpointError) -> String {
        guard range.lowerBound >= 0, range.upperBound <= file.count else {
            throw malformed("a name goes beyond the end of the file: is it cut off?")
        }
        guard let text = file.read(range, { String(validating: $0, as: UTF8.self) }) else {
            throw malformed("a name at byte \(range.lowerBound) is not UTF-8")
        }
        return text
    }
}
