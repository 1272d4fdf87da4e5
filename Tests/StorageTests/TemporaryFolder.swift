import Artifacts
import Foundation
import Storage

/// A folder that is gone with the test.
struct TemporaryFolder: ~Copyable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "storage-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// The store of this folder.
    func store() throws -> ObjectStore { try ObjectStore(at: url.appending(path: "cache")) }

    /// Writes files into a folder below this one.
    func folder(_ name: String, _ files: [String: Data]) throws -> URL {
        let folder = url.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (path, data) in files {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: file)
        }
        return folder
    }
}

/// The paths and bytes of all files below a folder.
func contents(of folder: URL) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path(percentEncoded: false)) {
        let file = folder.appending(path: path)
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: file.path(percentEncoded: false), isDirectory: &isFolder)
        if !isFolder.boolValue { files[path] = try Data(contentsOf: file) }
    }
    return files
}

extension ObjectStore {
    /// Where an object lies, as design section 5 says.
    func place(of digest: Digest) -> URL {
        root.appending(path: "objects/\(digest.hex.prefix(2))/\(digest.hex.dropFirst(2)).zst")
    }

    /// Whether an artifact's manifest and all its objects are there.
    func hasAll(of artifact: Digest) throws -> Bool {
        guard contains(artifact) else { return false }
        return try manifest(of: artifact).entries.allSatisfy { contains($0.digest) }
    }

    /// What lies in one of the store's folders.
    func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path(percentEncoded: false))
            .sorted()
    }
}

/// Bytes from a seed: `compressible` ones repeat themselves.
func bytes(_ count: Int, seed: UInt64, compressible: Bool = false) -> Data {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var data = Data(count: count)
    data.withUnsafeMutableBytes { buffer in
        for index in buffer.indices {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            buffer[index] = compressible ? UInt8(truncatingIfNeeded: state & 3) : UInt8(truncatingIfNeeded: state >> 24)
        }
    }
    return data
}

/// Numbers as weights have them, near zero: floats, or their upper halves.
func floats(_ count: Int, width: Int) -> Data {
    let noise = [UInt8](bytes(count * 4, seed: 5))
    var data = Data(capacity: count * width)
    for index in 0..<count {
        let sum = (0..<4).reduce(Float(0)) { $0 + Float(noise[index * 4 + $1]) }
        withUnsafeBytes(of: ((sum - 510 + Float(noise[index]) / 300) / 4096).bitPattern.littleEndian) {
            data.append(contentsOf: $0.suffix(width))
        }
    }
    return data
}
