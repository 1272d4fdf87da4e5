import Foundation
import Tensors
import Testing

@testable import Checkpoints

@Suite("files of torch.save")
struct TorchFileTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Goldens/TorchFile")

    private struct Expected: Decodable {
        let shape: [Int]
        let values: [Double]
    }

    @Test(
        "dictionaries, nested ones and lists; every element type; views, strided and shared: as torch has them",
        arguments: ["state.bin", "module.bin", "nested.pt", "list.pt"])
    func goldens(name: String) throws {
        let all = try JSONDecoder().decode(
            [String: [String: Expected]].self, from: Data(contentsOf: Self.folder.appending(path: "expected.json")))
        let expected = try #require(all[name])
        let checkpoint = try Checkpoint.open(Self.folder.appending(path: name))
        #expect(checkpoint.names == expected.keys.sorted())
        for (tensor, wanted) in expected {
            #expect(checkpoint.entry(tensor)?.shape == wanted.shape, "\(tensor)")
            // Every value is exact in float32.
            #expect(try checkpoint.tensor(tensor).values == wanted.values.map(Float.init), "\(tensor)")
        }
        if name == "state.bin" {
            #expect(try checkpoint.integers("position_ids") == [0, 1, 2, 3, 4])
            #expect(try checkpoint.integers("small") == [1, -2] && checkpoint.integers("flags") == [1, 0, 1])
            #expect(try checkpoint.bytes("bytes") == [0, 255])
            #expect(checkpoint.entry("brain")?.type == .bfloat16 && checkpoint.entry("half")?.type == .float16)
        }
    }

    @Test("a folder's .bin is found, safetensors first")
    func folders() throws {
        try withFolder { folder in
            try FileManager.default.copyItem(
                at: Self.folder.appending(path: "module.bin"), to: folder.appending(path: "pytorch_model.bin"))
            #expect(try Checkpoint.open(folder).names == ["bias", "weight"])
            try SafetensorsFile.write(["t": Tensor([1], [2])], to: folder.appending(path: "model.safetensors"))
            #expect(try Checkpoint.open(folder).names == ["t"])
        }
    }

    @Test("shards of an index may be of this kind")
    func shards() throws {
        try withFolder { folder in
            try FileManager.default.copyItem(
                at: Self.folder.appending(path: "module.bin"), to: folder.appending(path: "pytorch_model-1.bin"))
            try Data(#"{"weight_map": {"bias": "pytorch_model-1.bin"}}"#.utf8)
                .write(to: folder.appending(path: "pytorch_model.bin.index.json"))
            #expect(try Checkpoint.open(folder).names == ["bias"])
        }
    }

    @Test("a whole module and the kind of before 1.6 are refused with what to do")
    func otherKinds() throws {
        let module = #expect(throws: CheckpointError.self) {
            try Checkpoint.open(Self.folder.appending(path: "module-object.bin"))
        }
        #expect("\(module, default: "")".contains("it asks for torch.nn.modules.linear.Linear"))
        #expect("\(module, default: "")".contains("nothing of it was run"))
        let legacy = #expect(throws: CheckpointError.self) {
            try Checkpoint.open(Self.folder.appending(path: "legacy.bin"))
        }
        #expect("\(legacy, default: "")".contains("before 1.6") && "\(legacy, default: "")".contains("save it again"))
    }

    @Test("a safetensors file whose header has 640 bytes, 0x0280, is none of before 1.6")
    func headerLength() throws {
        try withFolder { folder in
            let entry = #"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
            let header = entry + String(repeating: " ", count: 640 - entry.utf8.count)
            let file = folder.appending(path: "t.safetensors")
            try (Data([0x80, 0x02, 0, 0, 0, 0, 0, 0]) + Data(header.utf8) + Data([0, 0, 0x80, 0x3F])).write(to: file)
            #expect(try Checkpoint.open(file).tensor("t").values == [1])
        }
    }

    @Test("cut off anywhere, a file is refused")
    func truncated() throws {
        let whole = try Data(contentsOf: Self.folder.appending(path: "module.bin"))
        try withFolder { folder in
            for count in stride(from: 4, to: whole.count, by: 37) {
                let file = folder.appending(path: "cut.bin")
                try whole.prefix(count).write(to: file)
                #expect(throws: CheckpointError.self, "\(count) bytes") { try Checkpoint.open(file) }
            }
        }
    }

    @Test("any changed byte gives a tensor or an error, never a crash")
    func changed() throws {
        let whole = try Data(contentsOf: Self.folder.appending(path: "state.bin"))
        var generator = Generator(seed: 7)
        var (read, refused) = (0, 0)
        try withFolder { folder in
            let file = folder.appending(path: "changed.bin")
            for _ in 0..<400 {
                var bytes = whole
                for _ in 0..<generator.integer(below: 4) + 1 {
                    bytes[generator.integer(below: bytes.count)] = UInt8(generator.integer(below: 256))
                }
                try bytes.write(to: file)
                do throws(CheckpointError) {
                    let checkpoint = try Checkpoint.open(file)
                    for name in checkpoint.names { _ = try checkpoint.tensor(name) }
                    read += 1
                } catch {
                    refused += 1
                }
            }
        }
        // Most bytes are numbers and padding, which may be anything; the others must be noticed.
        #expect(read > 40 && refused > 40, "\(read) read, \(refused) refused")
    }
}

@Suite("pickles")
struct PickleTests {
    private func refusal(_ bytes: [UInt8]) -> String? {
        do throws(Pickle.Refusal) {
            _ = try Pickle(bytes)
            return nil
        } catch {
            return error.reason
        }
    }

    private func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("what would run something is refused, by name")
    func malicious() {
        // cos\nsystem\n(X…tR. and friends: what attacks on pickles look like.
        for (module, name) in [
            ("os", "system"), ("builtins", "eval"), ("posix", "system"), ("subprocess", "Popen"),
            ("torch.hub", "load"), ("torch", "load"), ("torch._utils", "_import_dotted_name"),
            ("collections", "defaultdict"),
        ] {
            let bytes =
                [0x80, 2] + ascii("c\(module)\n\(name)\n") + ascii("X") + [4, 0, 0, 0] + ascii("echo") + [0x85]
                + ascii("R.")
            #expect(refusal(bytes)?.contains("it asks for \(module).\(name)") == true)
        }
        // Instances, extensions, protocol 4's names from the stack, newer frames.
        for code: UInt8 in [
            UInt8(ascii: "i"), UInt8(ascii: "o"), 0x81, 0x82, 0x83, 0x84, 0x92, 0x93, 0x95, 0x94, UInt8(ascii: "P"),
            UInt8(ascii: "I"), UInt8(ascii: "S"), 0x8B, 0,
        ] {
            #expect(refusal([0x80, 2, code, 0, 0, 0, 0, 0x2E])?.contains("is none that PyTorch writes") == true)
        }
    }

    @Test("a stack that does not hold what an opcode needs is refused")
    func stack() {
        for (bytes, says) in [
            (ascii("."), "0 values are left"), (ascii("NN."), "2 values are left"), (ascii("N"), "cut off"),
            ([], "cut off"),
            (ascii("N.N"), "1 bytes follow"), (ascii("R."), "stack is empty"), (ascii("t."), "no mark"),
            (ascii("Na."), "no list"), (ascii("NNa."), "no list"), (ascii("NNNs."), "no dictionary"),
            (ascii("}(Nu."), "a key has no value"), (ascii("(N."), "1 values are left"),
            (ascii("(a"), "stack is empty"),
            (ascii("h") + [3], "recalls 3"), (ascii("q") + [3], "stack is empty"), (ascii("NQ."), "no storage"),
            (ascii("NNb."), "attributes of what is no dictionary"), (ascii("NNR."), "no function"),
            (ascii("X") + [0xFF, 0xFF, 0xFF, 0xFF], "cut off"), (ascii("X") + [1, 0, 0, 0, 0xFF], "not UTF-8"),
            ([0x80, 5], "pickle protocol 5"),
            (ascii("ctorch\nFloatStorage\n)R."), "calls the name of a storage"),
            (ascii("ctorch._utils\n_rebuild_tensor_v2\n)R."), "not made of a storage"),
            (ascii("ctorch._utils\n_rebuild_parameter\nN") + [0x85] + ascii("R."), "no tensor"),
        ] as [([UInt8], String)] {
            let reason = refusal(bytes)
            #expect(reason?.contains(says) == true, "\(bytes): \(reason ?? "read")")
        }
    }

    @Test("containers that hold themselves, or one another without end, cost no more than their bytes")
    func nesting() throws {
        // ]q\0h\0a. is a list in itself; then a hundred thousand lists in lists.
        _ = try Pickle(ascii("]q") + [0] + ascii("h") + [0] + ascii("a."))
        let deep = [UInt8](repeating: UInt8(ascii: "]"), count: 100_000)
        let pickle = try Pickle(deep + [UInt8](repeating: UInt8(ascii: "a"), count: 99_999) + ascii("."))
        #expect(pickle.lists.count == 100_000)
    }
}

@Suite("archives")
struct ZipDirectoryTests {
    /// A file of an archive in the making, with what may be wrong with it.
    private struct Part {
        var name: String
        var bytes: [UInt8]
        var method = 0
        var flags = 0
        var localName: String?
        var claimedSize: Int?
        var offset: Int?
    }

    private func little(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func archive(_ parts: [Part], count: Int? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for part in parts {
            let offset = bytes.count
            let (name, local) = (Array(part.name.utf8), Array((part.localName ?? part.name).utf8))
            bytes += little(0x0403_4B50, 4) + little(20, 2) + little(8, 2) + little(0, 18) + little(local.count, 2)
            bytes += little(0, 2) + local + part.bytes
            let size = part.claimedSize ?? part.bytes.count
            directory += little(0x0201_4B50, 4) + little(20, 2) + little(20, 2) + little(part.flags, 2)
            directory += little(part.method, 2) + little(0, 8) + little(size, 4) + little(size, 4)
            directory += little(name.count, 2) + little(0, 12) + little(part.offset ?? offset, 4) + name
        }
        let start = bytes.count
        bytes += directory + little(0x0605_4B50, 4) + little(0, 4)
        bytes += little(count ?? parts.count, 2) + little(count ?? parts.count, 2)
        return bytes + little(directory.count, 4) + little(start, 4) + little(0, 2)
    }

    private func refusal(_ bytes: [UInt8]) throws -> String? {
        var text: String?
        try withFolder { folder in
            let file = folder.appending(path: "a.bin")
            try Data(bytes).write(to: file)
            do { _ = try Checkpoint.open(file) } catch { text = "\(error)" }
        }
        return text
    }

    /// A pickle of one float32 tensor, `t`, in storage 0.
    private func pickle(
        storage: Int = 4, key: String = "0", offset: Int = 0, shape: [Int] = [2, 2], strides: [Int] = [2, 1],
        names: [String] = ["t"]
    ) -> [UInt8] {
        func text(_ text: String) -> [UInt8] { [UInt8(ascii: "X")] + little(text.utf8.count, 4) + Array(text.utf8) }
        func long(_ value: Int) -> [UInt8] { [0x8A, 8] + little(value, 8) }
        func tuple(_ values: [Int]) -> [UInt8] { Array("(".utf8) + values.flatMap(long) + Array("t".utf8) }
        let id =
            Array("(".utf8) + text("storage") + Array("ctorch\nFloatStorage\n".utf8) + text(key) + text("cpu")
            + long(storage) + Array("tQ".utf8)
        let tensor =
            Array("ctorch._utils\n_rebuild_tensor_v2\n(".utf8) + id + long(offset) + tuple(shape)
            + tuple(strides) + [0x89] + Array("NtR".utf8)
        return [0x80, 2] + Array("}(".utf8) + names.flatMap { text($0) + tensor } + Array("u.".utf8)
    }

    private func file(_ pickle: [UInt8], data: Int = 16, order: String? = nil) -> [UInt8] {
        archive(
            [
                Part(name: "a/data.pkl", bytes: pickle),
                Part(name: "a/data/0", bytes: [UInt8](repeating: 0, count: data)),
            ]
                + (order.map { [Part(name: "a/byteorder", bytes: Array($0.utf8))] } ?? []))
    }

    @Test("a hand-made file is read")
    func sound() throws {
        #expect(try refusal(file(pickle())) == nil)
        #expect(try refusal(file(pickle(), order: "little")) == nil)
        #expect(try refusal(file(pickle(shape: [0, 2], strides: [2, 1]))) == nil)
    }

    @Test("tensors that cannot be true are refused before use")
    func tensors() throws {
        let huge = 1 << 62
        for (bytes, says) in [
            (file(pickle(), order: "big"), "little-endian"), (file(pickle(), data: 12), "takes 16 bytes, but has 12"),
            (file(pickle(storage: huge)), "takes"), (file(pickle(key: "../0")), "is not in the file"),
            (file(pickle(offset: 1)), "beyond its storage"), (file(pickle(offset: -1)), "too large or negative"),
            (file(pickle(shape: [huge, huge])), "too large"), (file(pickle(shape: [3, 2])), "beyond its storage"),
            (file(pickle(shape: [Int](repeating: 1, count: 65), strides: [Int](repeating: 1, count: 65))), "64 axes"),
            (file(pickle(strides: [huge, 1])), "beyond its storage"), (file(pickle(strides: [-1, 1])), "negative"),
            // A broadcast view is small in the file and endless in memory.
            (file(pickle(shape: [1 << 40, 2], strides: [0, 1])), "repeats the 4 elements"),
            (file(pickle(offset: Int.max)), "too large"), (file(pickle(names: ["t", "t"])), "the name occurs twice"),
            (file(Array("N.".utf8)), "neither a dictionary nor a list"),
        ] {
            let text = try refusal(bytes)
            #expect(text?.contains(says) == true, "\(says): \(text ?? "read")")
        }
    }

    @Test("archives that hide or lie are refused")
    func archives() throws {
        let one = Part(name: "a/data.pkl", bytes: pickle())
        func with(_ change: (inout Part) -> Void) -> Part {
            var part = Part(name: "a/data/0", bytes: [UInt8](repeating: 0, count: 16))
            change(&part)
            return part
        }
        for (bytes, says) in [
            (archive([one, with { $0.method = 8 }]), "is compressed"),
            (archive([one, with { $0.flags = 1 }]), "encrypted"),
            (archive([one, with { $0.localName = "a/data/1" }]), "another name"),
            (archive([one, with { $0.claimedSize = 1 << 20 }]), "beyond the end"),
            (archive([one, with { $0.claimedSize = 0xFFFF_FFFF }]), "beyond the end"),
            (archive([one, with { $0.offset = 7 }]), "not where the directory says"),
            (archive([one, with { $0.offset = 0xFFFF_FFF0 }]), "points to byte"),
            (archive([one, with { _ in }, with { _ in }]), "two files 'a/data/0'"),
            (archive([one, with { $0.claimedSize = 60 }]), "into the directory"),
            (archive([one, one].enumerated().map { $1 }, count: 9000), "claims 9000 files"),
            (archive([with { _ in }]), "0 files data.pkl"), (archive([]), "0 files data.pkl"),
            (Array("no weights at all".utf8), "neither an archive of torch.save nor safetensors"),
            (archive([one, with { $0.name = "b/data.pkl" }]), "2 files data.pkl"),
        ] {
            let text = try refusal(bytes)
            #expect(text?.contains(says) == true, "\(says): \(text ?? "read")")
        }
    }
}
