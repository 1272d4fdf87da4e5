import Artifacts
import Foundation
import GRDB
@testable import Lineage
import Testing

@Suite struct SourceTests {
    /// Sets mtime, and with it ctime to now.
    private func touch(_ file: URL, _ date: Date) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: date], ofItemAtPath: file.path(percentEncoded: false))
    }

    /// Makes all entries of the stat cache as old as if they had been recorded well after the files were written.
    private func settle(_ database: LineageDatabase) throws {
        try database.write("settle") { try $0.execute(sql: "UPDATE stat_cache SET recorded = recorded + 10000000000") }
    }

    @Test("a file is hashed once, and again when anything about it changed")
    func remembering() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let file = cache.url.appending(path: "a clip.mp4")
        try Data("one".utf8).write(to: file)
        var hashed: [String] = []
        func digest() throws -> Digest? {
            hashed = []
            return try database.digests(of: [file, file], hashing: { path, _ in hashed.append(path) }).first?.digest
        }
        let path = file.standardizedFileURL.path(percentEncoded: false)
        #expect(try digest() == Digest(of: "one"))
        #expect(hashed == [path])
        try settle(database)
        #expect(try digest() == Digest(of: "one"))
        #expect(hashed.isEmpty)

        // What is only asked about is no source.
        let copy = cache.url.appending(path: "a copy.mp4")
        try FileManager.default.copyItem(at: file, to: copy)
        #expect(try database.digests(of: [copy], remembering: false).first?.digest == Digest(of: "one"))
        #expect(try database.read { try $0.sources() }.map(\.path) == [path])

        // The same size and mtime, other bytes: ctime tells.
        let before = try #require(
            try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
        let handle = try FileHandle(forWritingTo: file)
        try handle.write(contentsOf: Data("two".utf8))
        try handle.close()
        try touch(file, before)
        #expect(try digest() == Digest(of: "two"))
        #expect(hashed == [path])
        try settle(database)

        // Another file in its place: the inode tells.
        let other = cache.url.appending(path: "other")
        try Data("six".utf8).write(to: other)
        try FileManager.default.removeItem(at: file)
        try FileManager.default.moveItem(at: other, to: file)
        #expect(try digest() == Digest(of: "six"))
        #expect(
            try Set(database.read { try $0.sources() }.map(\.digest)) == [
                Digest(of: "one"), Digest(of: "two"), Digest(of: "six"),
            ])
    }

    @Test("an entry recorded within two seconds of the last write is not trusted")
    func racy() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let file = cache.url.appending(path: "a")
        try Data("one".utf8).write(to: file)
        var count = 0
        for _ in 0..<2 { _ = try database.digests(of: [file], hashing: { _, _ in count += 1 }) }
        #expect(count == 2)
        let stamp = FileStamp(device: 1, inode: 2, size: 3, modified: 10_000_000_000, changed: 11_000_000_000)
        #expect(!stamp.isSettled(at: 11_000_000_001))
        #expect(!stamp.isSettled(at: 12_999_999_999))
        #expect(stamp.isSettled(at: 13_000_000_000))
        // A time in the future is never trusted.
        try touch(file, Date(timeIntervalSinceNow: 86400))
        _ = try database.digests(of: [file])
        try settle(database)
        count = 0
        _ = try database.digests(of: [file], hashing: { _, _ in count += 1 })
        #expect(count == 1)
    }

    @Test("what cannot be read is an error with its path")
    func unreadable() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        let nothing = cache.url.appending(path: "nothing")
        #expect(
            throws: LineageError.source(
                path: nothing.standardizedFileURL.path(percentEncoded: false), reason: "No such file or directory")
        ) { try database.digests(of: [nothing]) }
        #expect(throws: LineageError.self) { try database.digests(of: [cache.url]) }
        #expect(throws: LineageError.self) { try database.digest(ofFolder: nothing) }
    }

    @Test("the digest of a folder is that of its names and bytes, wherever it lies")
    func folders() throws {
        let cache = try TemporaryCache()
        let database = try cache.database()
        func folder(_ name: String, _ files: [String: String]) throws -> URL {
            let folder = cache.url.appending(path: name)
            for (path, text) in files {
                let file = folder.appending(path: path)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
            return folder
        }
        let model = ["config.json": "{}", "weights/a.safetensors": "w", ".cache/x": "ignored"]
        let first = try database.digest(ofFolder: folder("a", model))
        #expect(first.files.keys.sorted() == ["config.json", "weights/a.safetensors"])
        #expect(try database.digest(ofFolder: folder("b", model)).digest == first.digest)
        #expect(try database.digest(ofFolder: folder("c", model.merging(["more": "x"]) { $1 })).digest != first.digest)
        #expect(
            try database.digest(ofFolder: folder("c", [:]), including: { $0 != "more" }).digest == first.digest)
        let renamed = try folder("d", ["config.json": "{}", "weights/b.safetensors": "w"])
        #expect(try database.digest(ofFolder: renamed).digest != first.digest)

        // As model hubs lay them out: links to files elsewhere.
        let linked = try folder("e", ["config.json": "{}"])
        try FileManager.default.createDirectory(
            at: linked.appending(path: "weights"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(
            at: linked.appending(path: "weights/a.safetensors"),
            withDestinationURL: cache.url.appending(path: "a/weights/a.safetensors"))
        #expect(try database.digest(ofFolder: linked).digest == first.digest)
        try FileManager.default.createSymbolicLink(
            at: linked.appending(path: "loop"), withDestinationURL: linked)
        #expect(throws: LineageError.self) { try database.digest(ofFolder: linked) }
    }
}
