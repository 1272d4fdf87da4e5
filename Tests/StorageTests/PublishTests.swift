import Artifacts
import Foundation
import Storage
import Testing

@Suite struct PublishTests {
    @Test(
        "a published folder is restored byte for byte, read-only, whatever the sizes", arguments: 1..<9 as Range<UInt64>
    )
    func roundTrip(seed: UInt64) throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let sizes = [0, 1, 17, 127, 128, 4096, 131_072, 1 << 20, (1 << 20) + 1, 3_000_000]
        var files: [String: Data] = [:]
        for (index, size) in sizes.enumerated() {
            files["d\(index % 3)/ü \(index).bin"] = bytes(
                size, seed: seed + UInt64(index), compressible: index % 2 == 0)
        }
        let folder = try temporary.folder("out", files)
        let attributes = Value.map(["seed": .int(Int(seed))])
        let stored = try store.publish(folder: folder, kind: .files, attributes: attributes)
        #expect(stored.manifest.entries.map(\.path) == files.keys.sorted())
        #expect(stored.manifest.entries.allSatisfy { files[$0.path].map(Digest.init(of:)) == $0.digest })
        #expect(try store.manifest(of: stored.digest) == stored.manifest)
        #expect(stored.digest == (try stored.manifest.digest()))
        #expect(try store.hasAll(of: stored.digest))

        let target = temporary.url.appending(path: "back")
        #expect(try store.restore(stored.digest, to: target) == stored.manifest)
        #expect(try contents(of: target) == files)
        let attributesOfFile = try FileManager.default.attributesOfItem(
            atPath: target.appending(path: "d0/ü 0.bin").path(percentEncoded: false))
        #expect(attributesOfFile[.posixPermissions] as? Int == 0o444)
        #expect(try store.names(in: "tmp").isEmpty)
        #expect(try store.verify(readData: true, artifacts: [stored.digest]).findings.isEmpty)
    }

    @Test("equal content is one artifact and one object, whatever the folder and the times")
    func deduplication() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = bytes(10_000, seed: 1)
        let first = try store.publish(folder: temporary.folder("a", ["x": data, "y": data]), kind: .files)
        let place = store.place(of: Digest(of: data))
        let before = try FileManager.default.attributesOfItem(atPath: place.path(percentEncoded: false))
        let second = try store.publish(folder: temporary.folder("b", ["x": data, "y": data]), kind: .files)
        let after = try FileManager.default.attributesOfItem(atPath: place.path(percentEncoded: false))
        #expect(first == second)
        #expect(try store.allObjects().count == 2)
        #expect(before[.systemFileNumber] as? Int == after[.systemFileNumber] as? Int)
        // Another kind or another fact is another artifact of the same objects.
        let third = try store.publish(folder: temporary.folder("c", ["x": data, "y": data]), kind: .frames)
        #expect(third.digest != first.digest)
        #expect(try store.allObjects().count == 3)
    }

    @Test("objects are zstd frames that the zstd program reads, with size and checksum", arguments: [true, false])
    func frames(compressible: Bool) throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = bytes(2_000_000, seed: 7, compressible: compressible)
        var batch = store.batch()
        let digest = try batch.add(data)
        try batch.commit()
        let stored = try Data(contentsOf: store.place(of: digest))
        #expect(stored.prefix(4) == Data([0x28, 0xB5, 0x2F, 0xFD]))
        #expect(stored[4] & 0b100 != 0, "the frame header asks for a checksum")
        // Four symbols take a quarter; what does not compress may only grow by the block headers.
        #expect(compressible ? stored.count < data.count / 3 : stored.count < data.count + data.count / 1000)
        #expect(try store.read(digest) == data)
        #expect(throws: StorageError.self) { try store.read(digest, limit: data.count - 1) }
    }

    @Test(
        "floats are shuffled, which saves room; what zstd reads of them is a permutation, block by block",
        arguments: [4, 2], [40_001, 1 << 20, (1 << 20) + 1, 3 << 20, 3_333_333])
    func shuffled(width: Int, size: Int) throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        // Half floats are the upper halves here: sign, exponent, seven bits.
        let data = floats((size + width - 1) / width, width: width).prefix(size)
        let stored = try store.publish(folder: temporary.folder("a", ["x": Data(data)]), kind: .files)
        let digest = stored.manifest.entries[0].digest
        #expect(try store.allObjects().first { $0.digest == digest }?.storedBytes ?? .max < size * 19 / 20)
        #expect(try store.read(digest) == data)
        #expect(try store.verify(readData: true).findings.isEmpty)
        // Found there, it is not written again.
        #expect(try store.publish(folder: temporary.folder("b", ["x": Data(data)]), kind: .files) == stored)

        let zstd = Process()
        zstd.executableURL = URL(filePath: "/usr/bin/env")
        let plain = temporary.url.appending(path: "plain")
        let found = Int(try Data(contentsOf: store.place(of: digest))[15])
        // Of half floats, which of the two is a little better depends on the sample.
        #expect(width == 4 ? found == 4 : [2, 4].contains(found))
        zstd.arguments = ["zstd", "-q", "-d", store.place(of: digest).path, "-o", plain.path]
        try zstd.run()
        zstd.waitUntilExit()
        // A machine without the program cannot tell.
        guard zstd.terminationStatus != 127 else { return }
        #expect(zstd.terminationStatus == 0)
        var wanted = Data()
        for start in stride(from: 0, to: size, by: 1 << 20) {
            let block = Array(data[start..<min(start + 1 << 20, size)])
            let whole = block.count / found * found
            for byte in 0..<found { wanted += stride(from: byte, to: whole, by: found).map { block[$0] } }
            wanted += block[whole...]
        }
        #expect(try Data(contentsOf: plain) == wanted)
    }

    @Test("many floats, of which zstd only counts how often each byte occurs, take no more room and come back")
    func manyFloats() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = floats((9 << 20) / 4, width: 4)
        let digest = try store.publish(folder: temporary.folder("a", ["x": data]), kind: .files).manifest.entries[0]
            .digest
        #expect(try store.allObjects().first { $0.digest == digest }?.storedBytes ?? .max < data.count * 9 / 10)
        #expect(try store.read(digest) == data)
        #expect(try store.verify(readData: true).findings.isEmpty)
    }

    @Test("what is smooth or repeats takes hardly any room, large as it is", arguments: [true, false])
    func smoothFloats(isSmooth: Bool) throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let row = [UInt8](floats(4096, width: 4))
        var data = Data(capacity: 9 << 20)
        for index in 0..<(9 << 20) / 16_384 {
            if isSmooth {
                let numbers = (0..<4096).map { Float(index * 4096 + $0).bitPattern.littleEndian }
                numbers.withUnsafeBytes { data.append(contentsOf: $0) }
            } else {
                data.append(contentsOf: row)
            }
        }
        let digest = try store.publish(folder: temporary.folder("a", ["x": data]), kind: .files).manifest.entries[0]
            .digest
        #expect(try store.allObjects().first { $0.digest == digest }?.storedBytes ?? .max < data.count / 20)
        #expect(try store.read(digest) == data)
    }

    @Test("damage in any block of a large object is found, whether it is shuffled or not", arguments: [true, false])
    func largeDamage(isShuffled: Bool) throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = isShuffled ? floats(1 << 20, width: 4) : bytes(4 << 20, seed: 3)
        let digest = try store.publish(folder: temporary.folder("a", ["x": data]), kind: .files).manifest.entries[0]
            .digest
        let place = store.place(of: digest)
        let good = try Data(contentsOf: place)
        for share in [0.3, 0.6, 0.9] {
            var bad = good
            bad[Int(share * Double(good.count))] ^= 0x10
            try FileManager.default.removeItem(at: place)
            try bad.write(to: place)
            #expect {
                try store.copy(digest, to: temporary.url.appending(path: "out"))
            } throws: { error in
                if case .damaged? = error as? StorageError { true } else { false }
            }
            #expect(!FileManager.default.fileExists(atPath: temporary.url.appending(path: "out").path))
            try good.write(to: place)
        }
        try store.copy(digest, to: temporary.url.appending(path: "out"))
        #expect(try Data(contentsOf: temporary.url.appending(path: "out")) == data)
    }

    @Test("what a frame says of its shuffling is checked like everything in it")
    func shuffledHead() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let data = floats(100_000, width: 4)
        let stored = try store.publish(folder: temporary.folder("a", ["x": data]), kind: .files)
        let digest = stored.manifest.entries[0].digest
        let place = store.place(of: digest)
        let good = try Data(contentsOf: place)
        #expect(good[0] & 0xF0 == 0x50 && good[16..<20] == Data([0x28, 0xB5, 0x2F, 0xFD]))
        for index in 0..<16 {
            for value in [good[index] ^ 6, good[index] ^ 0xFF] {
                var bad = good
                bad[index] = value
                try FileManager.default.removeItem(at: place)
                try bad.write(to: place)
                #expect {
                    try store.read(digest)
                } throws: { error in
                    if case .damaged? = error as? StorageError { true } else { false }
                }
                try good.write(to: place)
            }
        }
        for count in [0, 15, 16, 17, 33, good.count - 1] {
            try FileManager.default.removeItem(at: place)
            try good.prefix(count).write(to: place)
            #expect(throws: StorageError.self) { try store.read(digest) }
            try good.write(to: place)
        }
        #expect(try store.read(digest) == data)
    }

    @Test("links, pipes and broken names are refused, with their path; nothing is left")
    func refusals() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let link = try temporary.folder("link", ["a": Data("a".utf8)])
        try FileManager.default.createSymbolicLink(
            at: link.appending(path: "b"), withDestinationURL: link.appending(path: "a"))
        let pipe = try temporary.folder("pipe", [:])
        #expect(mkfifo(pipe.appending(path: "p").path(percentEncoded: false), 0o600) == 0)
        let name = try temporary.folder("name", [:])
        let broken = Array("\(name.path(percentEncoded: false))/".utf8.map(CChar.init(bitPattern:))) + [-1, 0]
        #expect(close(open(broken, O_CREAT | O_WRONLY, 0o600)) == 0)
        let newline = try temporary.folder("newline", ["a\nb": Data()])
        for (folder, part) in [
            (link, "a symbolic link"), (pipe, "a pipe"), (name, "not UTF-8"), (newline, "a control character"),
        ] {
            #expect {
                try store.publish(folder: folder, kind: .files)
            } throws: { error in
                guard case .refused(_, let reason)? = error as? StorageError else { return false }
                return reason.contains(part)
            }
        }
        #expect(throws: StorageError.self) {
            try store.publish(folder: temporary.url.appending(path: "nothing"), kind: .files)
        }
        #expect(try store.allObjects().isEmpty)
        #expect(try store.names(in: "tmp").isEmpty)
    }

    @Test("several outputs and records become durable in one batch")
    func batches() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        var batch = store.batch()
        let frames = try batch.add(
            folder: temporary.folder("f", ["0.safetensors": bytes(9000, seed: 4)]), kind: .frames)
        let clips = try batch.add(
            folder: temporary.folder("clips", ["0.mp4": bytes(5000, seed: 3)]), kind: .clips,
            attributes: .list([.map(["prompt": .string("A man is playing golf")])]))
        let log = try batch.add(Data("a log".utf8))
        let alone = Manifest(
            kind: .file,
            entries: [.init(path: "a", digest: Digest(of: "elsewhere"), size: 9, mediaType: "text/plain")])
        let manifest = try batch.add(alone)
        #expect(try store.allObjects().isEmpty)
        #expect(try !store.names(in: "tmp").isEmpty)
        try batch.commit()
        #expect(try store.allObjects().count == 6)
        #expect(try store.names(in: "tmp").isEmpty)
        #expect(try store.read(log) == Data("a log".utf8))
        #expect(try store.hasAll(of: frames.digest) && store.hasAll(of: clips.digest))
        #expect(try store.manifest(of: manifest) == alone)
        #expect(try !store.hasAll(of: manifest))
        #expect(try !store.hasAll(of: Digest(of: "never")))
        #expect(clips.manifest.entries.map(\.mediaType) == ["video/mp4"])
    }

    @Test("a batch that is dropped leaves nothing")
    func dropped() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        func drop() throws {
            var batch = store.batch()
            _ = try batch.add(bytes(1000, seed: 1))
        }
        try drop()
        #expect(try store.allObjects().isEmpty)
        #expect(try store.names(in: "tmp").isEmpty)
    }

    @Test("an existing file is only replaced when asked, and no half file is left when an object is gone")
    func restoring() throws {
        let temporary = try TemporaryFolder()
        let store = try temporary.store()
        let stored = try store.publish(
            folder: temporary.folder("a", ["x": Data("new".utf8), "d/y": Data("y".utf8)]), kind: .files)
        let target = try temporary.folder("t", ["x": Data("old".utf8), "other": Data("mine".utf8)])
        #expect(throws: StorageError.exists(path: target.appending(path: "x").path(percentEncoded: false))) {
            try store.restore(stored.digest, to: target, only: { $0 == "x" })
        }
        try store.restore(stored.digest, to: target, replacing: true, writable: true)
        #expect(
            try contents(of: target) == ["x": Data("new".utf8), "d/y": Data("y".utf8), "other": Data("mine".utf8)])
        try store.remove(Digest(of: "y"))
        #expect(throws: StorageError.missing(Digest(of: "y"))) {
            try store.restore(stored.digest, to: temporary.url.appending(path: "u"))
        }
        #expect(
            try !contents(of: temporary.url.appending(path: "u")).keys.contains {
                $0.contains("y") || $0.contains("partial")
            })
        #expect(throws: StorageError.missing(Digest(of: "none"))) { try store.manifest(of: Digest(of: "none")) }
        #expect(throws: StorageError.self) { try store.manifest(of: Digest(of: "new")) }
    }

    @Test("a store for reading reads, and writes nothing")
    func readOnly() throws {
        let temporary = try TemporaryFolder()
        let writable = try temporary.store()
        let stored = try writable.publish(folder: temporary.folder("a", ["x": Data("x".utf8)]), kind: .files)
        let store = try ObjectStore(at: temporary.url.appending(path: "cache"), readOnly: true)
        #expect(try store.manifest(of: stored.digest) == stored.manifest)
        let folder = temporary.url.appending(path: "a")
        let path = store.root.path(percentEncoded: false)
        #expect(throws: StorageError.readOnly(path: path)) { try store.publish(folder: folder, kind: .files) }
        #expect(throws: StorageError.readOnly(path: path)) { try store.remove(stored.digest) }
        #expect(throws: StorageError.readOnly(path: path)) { try store.makeScratch("a") }
        #expect(throws: StorageError.missing(stored.digest)) {
            try ObjectStore(at: temporary.url.appending(path: "nowhere"), readOnly: true).manifest(of: stored.digest)
        }
    }
}
