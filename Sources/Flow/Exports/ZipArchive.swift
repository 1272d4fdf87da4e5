public import Foundation

/// Files in one zip archive, stored as they are: what goes in is compressed already, or small.
///
/// APPNOTE.TXT 6.3.10 of the format; names are UTF-8. Equal files in equal order give equal bytes.
public struct ZipArchive {
    private var body = Data()
    private var directory = Data()
    private var count = 0

    /// An archive without files.
    public init() {}

    /// Adds a file.
    ///
    /// - Throws: `ExportError.tooLarge` beyond what 32 bits count.
    public mutating func add(_ path: String, _ bytes: Data) throws(ExportError) {
        let limit = Int(UInt32.max) - 1 << 20
        guard bytes.count < limit, body.count + bytes.count < limit, count < Int(UInt16.max) else {
            throw .tooLarge(path)
        }
        let offset = body.count
        let name = Data(path.utf8)
        // Version 2.0; names in UTF-8; stored; 1 January 1980: an archive has no times of its own.
        var header = Data()
        header.append(little: 20, 1 << 11, 0, 0, 0x21)
        header.append(wide: Self.checksum(of: bytes), UInt32(bytes.count), UInt32(bytes.count))
        header.append(little: UInt16(name.count), 0)
        body.append(wide: 0x0403_4B50)
        body += header + name + bytes
        directory.append(wide: 0x0201_4B50)
        // Made by Unix, and at the end its rights: a plain file, 0644.
        directory.append(little: 3 << 8 | 20)
        directory += header
        directory.append(little: 0, 0, 0)
        directory.append(wide: 0o100644 << 16, UInt32(offset))
        directory += name
        count += 1
    }

    /// The bytes of the archive.
    public var data: Data {
        var end = Data()
        end.append(wide: 0x0605_4B50)
        end.append(little: 0, 0, UInt16(count), UInt16(count))
        end.append(wide: UInt32(directory.count), UInt32(body.count))
        end.append(little: 0)
        return body + directory + end
    }

    /// CRC-32 of IEEE 802.3.
    static func checksum(of bytes: Data) -> UInt32 {
        var sum = UInt32.max
        bytes.withUnsafeBytes { buffer in
            for byte in buffer { sum = table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8 }
        }
        return ~sum
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? 0xEDB8_8320 ^ sum >> 1 : sum >> 1 }
    }
}

extension Data {
    fileprivate mutating func append(little numbers: UInt16...) {
        for number in numbers { Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) } }
    }

    fileprivate mutating func append(wide numbers: UInt32...) {
        for number in numbers { Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) } }
    }
}
