import Artifacts
import Foundation
import Storage
import Testing

@Suite struct CorruptionTests {
    /// A fault in an object's file.
    enum Fault: String, CaseIterable, Sendable {
        case flippedFirst, flippedMiddle, flippedLast, truncated, headerOnly, empty, grown, twoFrames, text, link, pipe
        case folder, otherObject, dictionary, bomb

        func strike(_ file: URL, other: URL) throws {
            let path = file.path(percentEncoded: false)
            let data = try Data(contentsOf: file)
            func flip(_ index: Int) throws {
                var data = data
                data[index] ^= 0x10
                try replace(data)
            }
            func replace(_ data: Data) throws {
                try FileManager.default.removeItem(at: file)
                try data.write(to: file)
            }
            switch self {
            case .flippedFirst: try flip(0)
            case .flippedMiddle: try flip(data.count / 2)
            case .flippedLast: try flip(data.count - 1)
            case .truncated: try replace(data.dropLast(1))
            case .headerOnly: try replace(data.prefix(12))
            case .empty: try replace(Data())
            case .grown: try replace(data + Data([0]))
            case .twoFrames: try replace(data + data)
            case .text: try replace(Data("this is no zstd frame, whatever its name".utf8))
            case .link:
                try FileManager.default.removeItem(at: file)
                try FileManager.default.createSymbolicLink(at: file, withDestinationURL: other)
            case .pipe:
                try FileManager.default.removeItem(at: file)
                try #require(mkfifo(path, 0o600) == 0)
            case .folder:
                try FileManager.default.removeItem(at: file)
                try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
            case .otherObject: try replace(try Data(contentsOf: other))
            case .dictionary:
                // RFC 8878, 3.1.1.1: a flag in the descriptor, and the number after the window's size.
                var frame = data
                frame[4] |= 1
                frame.insert(42, at: frame[4] & 0x20 == 0 ? 6 : 5)
                try replace(frame)
            case .bomb:
                // It declares what it should have, and then goes on for 5 GB: blocks of one repeated byte, 4 bytes each.
                var frame = Data([0x28, 0xB5, 0x2F, 0xFD, 0xA0])
                frame += withUnsafeBytes(of: UInt32(300_000).littleEndian) { Data($0) }
                let block = UInt32(131_072 << 3 | 1 << 1)
                let repeated = withUnsafeBytes(of: block.littleEndian) { Data($0.prefix(3)) } + [0]
                for _ in 0..<40_000 { frame += repeated }
                try replace(frame)
            }
        }
    }

    @Test(
        "a damaged object is never handed out: quarantined on reading, then missing, then made again",
        arguments: Fault.allCases, [true, false])
    func damaged(fault: Fault, compressible: Bool) throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = bytes(300_000, seed: 11, compressible: compressible)
        let other = bytes(300_000, seed: 12, compressible: compressible)
        let folder = try temporary.folder("a", ["x.bin": data, "y.bin": other])
        let stored = try store.publish(folder: folder, kind: .files)
        let digest = Digest(of: data)
        try fault.strike(store.place(of: digest), other: store.place(of: Digest(of: other)))

        let report = try store.verify(readData: true, artifacts: [stored.digest])
        #expect(
            report.findings.contains { finding in
                if case .damaged(digest, _, nil) = finding { true } else { false }
            })
        let target = temporary.url.appending(path: "back")
        #expect {
            try store.restore(stored.digest, to: target)
        } throws: { error in
            guard case .damaged(digest, let reason, let place?)? = error as? StorageError else { return false }
            return !reason.isEmpty && place.hasPrefix(store.root.path(percentEncoded: false) + "/quarantine/")
        }
        #expect(try contents(of: target).isEmpty)
        #expect(try store.names(in: "quarantine").count == 1)
        #expect(throws: StorageError.missing(digest)) { try store.read(digest) }
        #expect(try !store.hasAll(of: stored.digest))
        #expect(
            try store.verify(readData: true, artifacts: [stored.digest]).findings == [
                .missing(digest, artifact: stored.digest, path: "x.bin")
            ])
        #expect(try store.publish(folder: folder, kind: .files) == stored)
        #expect(try store.verify(readData: true, artifacts: [stored.digest]).findings.isEmpty)
        try store.restore(stored.digest, to: target)
        #expect(try contents(of: target) == ["x.bin": data, "y.bin": other])
    }

    @Test(
        "publishing again mends an object that is visibly broken",
        arguments: [
            Fault.empty, .headerOnly, .text, .link, .pipe, .folder,
        ])
    func mended(fault: Fault) throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = bytes(1000, seed: 5)
        let folder = try temporary.folder("a", ["x": data])
        let stored = try store.publish(folder: folder, kind: .files)
        try fault.strike(store.place(of: Digest(of: data)), other: store.place(of: stored.digest))
        if fault == .headerOnly {
            // Its header is right, so only reading shows it.
            #expect(throws: StorageError.self) { try store.read(Digest(of: data)) }
        }
        _ = try store.publish(folder: folder, kind: .files)
        #expect(try store.read(Digest(of: data)) == data)
    }

    @Test("whatever bit of a manifest's header is wrong, it is damage and heals: also where it declares a book")
    func header() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let folder = try temporary.folder("a", ["x": bytes(1000, seed: 3)])
        let stored = try store.publish(folder: folder, kind: .files)
        let place = store.place(of: stored.digest)
        let whole = try Data(contentsOf: place)
        for bit in 0..<(13 * 8) {
            var flipped = whole
            flipped[bit / 8] ^= 1 << (bit % 8)
            try FileManager.default.removeItem(at: place)
            try flipped.write(to: place)
            do throws(StorageError) {
                // A flag that says nothing of the content may go unseen.
                #expect(try store.manifest(of: stored.digest) == stored.manifest, "bit \(bit)")
                continue
            } catch {
                #expect(error.isLoss, "bit \(bit): \(error)")
            }
            #expect(try store.publish(folder: folder, kind: .files) == stored)
        }
        // A terabyte, in eight bytes (RFC 8878, 3.1.1.1.4): more than anybody reads at once, and so no reason to refuse it.
        var book = Data(whole.prefix(4)) + [0xE0]
        book += withUnsafeBytes(of: UInt64(1 << 40).littleEndian) { Data($0) }
        try FileManager.default.removeItem(at: place)
        try (book + whole.dropFirst(6)).write(to: place)
        #expect {
            try store.manifest(of: stored.digest)
        } throws: { error in
            (error as? StorageError)?.isLoss == true
        }
        #expect(try store.publish(folder: folder, kind: .files) == stored)
    }

    @Test("an object that is written to through a hard link is found, and the link is the user's")
    func hardLink() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = bytes(5000, seed: 21)
        let stored = try store.publish(folder: temporary.folder("a", ["x": data]), kind: .files)
        // What is restored is no link.
        let target = temporary.url.appending(path: "back")
        try store.restore(stored.digest, to: target, writable: true)
        let copy = try FileManager.default.attributesOfItem(atPath: target.appending(path: "x").path)
        #expect(copy[.referenceCount] as? Int == 1)
        let link = temporary.url.appending(path: "link")
        try FileManager.default.linkItem(at: store.place(of: Digest(of: data)), to: link)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: link.path)
        let handle = try FileHandle(forWritingTo: link)
        try handle.seek(toOffset: 900)
        try handle.write(contentsOf: Data("mine".utf8))
        try handle.close()
        let edited = try Data(contentsOf: link)
        #expect(throws: StorageError.self) { try store.read(Digest(of: data)) }
        #expect(throws: StorageError.missing(Digest(of: data))) { try store.read(Digest(of: data)) }
        #expect(try Data(contentsOf: link) == edited)
        _ = try store.publish(folder: temporary.folder("a", [:]), kind: .files)
        #expect(try store.read(Digest(of: data)) == data)
    }

    @Test("verify goes on after the first finding and names all of them")
    func everything() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        var files: [String: Data] = [:]
        for index in 0..<20 { files["\(index)"] = bytes(2000, seed: UInt64(index)) }
        let stored = try store.publish(folder: temporary.folder("a", files), kind: .files)
        let digests = try (0..<20).map { Digest(of: try #require(files["\($0)"])) }
        for index in 0..<5 {
            try Fault.flippedMiddle.strike(store.place(of: digests[index]), other: store.place(of: digests[9]))
        }
        for index in 5..<8 { try store.remove(digests[index]) }
        try Data().write(to: store.root.appending(path: "objects/00/stray"))
        try Data().write(to: store.root.appending(path: "objects/readme"))
        let never = Digest(of: "never")

        let quick = try store.verify(readData: false, artifacts: [stored.digest, never, digests[9]])
        #expect(quick.findings.count == 2 + 3 + 1 + 1)
        #expect(quick.readBytes == 0)
        var last = (0, 0)
        let report = try store.verify(
            readData: true, artifacts: [stored.digest, never], quarantines: true, progress: { last = ($0, $1) })
        #expect(report.findings.filter { if case .stray = $0 { true } else { false } }.count == 2)
        #expect(report.findings.filter { if case .damaged = $0 { true } else { false } }.count == 5)
        #expect(report.findings.contains(.missing(never, artifact: never, path: nil)))
        #expect(report.findings.contains(.missing(digests[6], artifact: stored.digest, path: "6")))
        // After quarantine the five are missing as well.
        #expect(report.findings.count == 2 + 5 + 8 + 1)
        #expect(report.objects == 18 && last == (18, 18))
        #expect(report.readBytes == 12 * 2000 + (try stored.manifest.canonicalText().utf8.count))
        #expect(try store.names(in: "quarantine").count == 5)
    }

    @Test("a manifest that asks for another size than the object has writes nothing")
    func sizeCap() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        var batch = store.batch()
        let bomb = try batch.add(Data(count: 50_000_000))
        try batch.commit()
        #expect(try Data(contentsOf: store.place(of: bomb)).count < 10_000)
        let file = temporary.url.appending(path: "x")
        #expect(throws: StorageError.self) { try store.copy(bomb, size: 1000, to: file) }
        #expect(!FileManager.default.fileExists(atPath: file.path(percentEncoded: false)))
    }
}
