import Checkpoints
import Foundation
import Tensors
import Testing

@Suite("safetensors files")
struct SafetensorsTests {
    @Test("what is written comes back: values, shapes, types and metadata")
    func roundTrip() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            let weights = Tensor([2, 3], [1, -2.5, 3.25, 0, 1e-8, 65_504])
            try SafetensorsFile.write(
                [
                    "weights": .floats(weights, as: .float32), "half": .floats(weights, as: .float16),
                    "brain": .floats(weights, as: .bfloat16), "scalar": .floats(Tensor([], [7]), as: .float32),
                    "pixels": .bytes([0, 127, 255, 3], shape: [2, 2]),
                    "ids": .integers([-1, 49_407, .max], shape: [3]), "nothing": .bytes([], shape: [0, 4]),
                ], metadata: ["format": "pt", "quote \"": "tab\tnewline\n\u{1}é"], to: url)
            let checkpoint = try Checkpoint.open(url)
            #expect(
                checkpoint.names == ["brain", "half", "ids", "nothing", "pixels", "scalar", "weights"])
            #expect(checkpoint.metadata == ["format": "pt", "quote \"": "tab\tnewline\n\u{1}é"])
            #expect(try checkpoint.tensor("weights").values == weights.values)
            #expect(try checkpoint.tensor("weights").shape == [2, 3])
            #expect(try checkpoint.tensor("half").values == [1, -2.5, 3.25, 0, 0, 65_504])
            #expect(
                try checkpoint.tensor("brain").values == [1, -2.5, 3.25, 0, 1.0011717677116394e-8, 65_536])
            #expect(try checkpoint.tensor("scalar").shape == [])
            #expect(try checkpoint.tensor("scalar").scalar == 7)
            #expect(try checkpoint.bytes("pixels") == [0, 127, 255, 3])
            #expect(try checkpoint.tensor("pixels").values == [0, 127, 255, 3])
            #expect(try checkpoint.integers("ids") == [-1, 49_407, .max])
            #expect(try checkpoint.bytes("nothing").isEmpty)
            #expect(checkpoint.entry("ids")?.type == .int64)
            #expect(checkpoint.entry("absent") == nil)
        }
    }

    @Test("equal contents give equal bytes, aligned, in whatever order they come")
    func determinism() throws {
        try withFolder { folder in
            let names = (0..<50).map { "tensor.\($0)" }
            func write(_ names: [String], to file: String) throws -> Data {
                var contents: [String: SafetensorsFile.Content] = ["b": .bytes([1, 2, 3], shape: [3])]
                for name in names { contents[name] = .floats(Tensor([2], [1, 2]), as: .float32) }
                let url = folder.appending(path: file)
                try SafetensorsFile.write(contents, metadata: ["x": "1", "y": "2"], to: url)
                return try Data(contentsOf: url)
            }
            let first = try write(names, to: "1")
            #expect(try first == write(names.reversed(), to: "2"))
            let length = first.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            #expect(length % 8 == 0)
        }
    }

    @Test("types that only others write are read")
    func otherTypes() throws {
        try withFolder { folder in
            let data =
                bytes(of: [1.5, -2.25] as [Double]) + bytes(of: [Int32(-5), 7]) + [1, 0, 2]
            let header = """
                {"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},\
                "i":{"dtype":"I32","shape":[2,1],"data_offsets":[16,24]},\
                "t":{"dtype":"BOOL","shape":[3],"data_offsets":[24,27]}}
                """
            let checkpoint = try Checkpoint.open(try file(header, data, in: folder))
            #expect(try checkpoint.tensor("d").values == [1.5, -2.25])
            #expect(try checkpoint.integers("i") == [-5, 7])
            #expect(try checkpoint.tensor("i").values == [-5, 7])
            #expect(try checkpoint.integers("t") == [1, 0, 1])
            #expect(throws: CheckpointError.self) { try checkpoint.integers("d") }
            #expect(throws: CheckpointError.self) { try checkpoint.bytes("t") }
        }
    }

    @Test("a header with spaces, escapes, and data at an odd address is read")
    func oddHeader() throws {
        try withFolder { folder in
            let header =
                " { \"\\u0061\\ud83d\\ude00\\/\" : { \"shape\" : [ 1 ] , \"data_offsets\":[0,4],\"dtype\":\"F32\"}}  \n"
            let url = try file(header, bytes(of: [Float(3)]), in: folder)
            #expect(try Checkpoint.open(url).tensor("a😀/").values == [3])
        }
    }

    @Test("a name that is not there is an error with file and name")
    func noTensor() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            try SafetensorsFile.write(["x": Tensor([1], [1])], to: url)
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(url).tensor("y") }
            #expect(error?.description == "\(url.path(percentEncoded: false)): has no tensor 'y'")
        }
    }

    @Test("unsound headers are refused with file, tensor and reason", arguments: BadHeader.all)
    func badHeaders(_ bad: BadHeader) throws {
        try withFolder { folder in
            let url = try file(bad.header, Array(repeating: 0, count: bad.dataCount), in: folder)
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(url) }
            let text = error?.description ?? ""
            #expect(text.contains(url.path(percentEncoded: false)) && text.contains(bad.says), "\(text)")
        }
    }

    @Test("files that are not safetensors at all are refused")
    func notSafetensors() throws {
        let tooLong: [UInt8] = bytes(of: [UInt64(1) << 63]) + [123, 125]
        let beyond: [UInt8] = bytes(of: [UInt64(3)]) + [123, 125]
        let beyondLimit: [UInt8] = bytes(of: [UInt64(100_000_001)]) + [123, 125]
        let negative: [UInt8] = bytes(of: [UInt64.max])
        for (content, says) in [
            ([], "too few"), ([1, 2, 3], "too few"), (tooLong, "another kind"), (beyond, "beyond the end"),
            (beyondLimit, "another kind"), (negative, "another kind"),
            (Array("PK\u{3}\u{4} a pickle in a zip archive".utf8), "its end is missing"),
        ] as [([UInt8], String)] {
            try withFolder { folder in
                let url = folder.appending(path: "x.safetensors")
                try Data(content).write(to: url)
                let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(url) }
                #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
            }
        }
    }

    @Test("a sound file with any one byte of its header changed or cut off is read or refused, never a crash")
    func everyByteChanged() throws {
        try withFolder { folder in
            let url = folder.appending(path: "a.safetensors")
            try SafetensorsFile.write(
                ["w": .floats(Tensor([2, 2], [1, 2, 3, 4]), as: .float16), "i": .integers([5], shape: [1])],
                metadata: ["k": "v"], to: url)
            let sound = try Data(contentsOf: url)
            var refused = 0
            func attempt(_ data: Data) throws {
                try data.write(to: url)
                do {
                    let checkpoint = try Checkpoint.open(url)
                    for name in checkpoint.names { _ = try checkpoint.tensor(name) }
                } catch { refused += 1 }
            }
            for index in 0..<sound.count - 16 {
                for value: UInt8 in [0, 0x22, 0x39, 0xFF] {
                    var changed = sound
                    changed[index] = value
                    try attempt(changed)
                }
            }
            for length in 0..<sound.count { try attempt(sound.prefix(length)) }
            #expect(refused > sound.count * 2)
        }
    }
}

/// A header that cannot be true, and what the error must say.
struct BadHeader: Sendable, CustomTestStringConvertible {
    let header: String
    var dataCount = 8
    let says: String
    var testDescription: String { says }

    static func tensor(_ fields: String, says: String) -> BadHeader {
        BadHeader(header: "{\"w\":{\(fields)}}", says: says)
    }

    static let all: [BadHeader] = [
        BadHeader(header: "", says: "'{' belongs here"),
        BadHeader(header: "[]", says: "'{' belongs here"),
        BadHeader(header: "{", says: "'\"' belongs here"),
        BadHeader(header: "{}x", dataCount: 0, says: "text after the end"),
        BadHeader(header: "{}", says: "8 bytes at the end belong to no tensor"),
        BadHeader(header: "{\"w\":3}", says: "'{' belongs here"),
        BadHeader(header: "{\"w\"}", says: "':' belongs here"),
        BadHeader(header: "{\"w", says: "a string does not end"),
        BadHeader(header: "{\"\\ud800\":{}}", says: "surrogate"),
        BadHeader(header: "{\"\\q\":{}}", says: "unknown escape"),
        BadHeader(header: "{\"\\u12G4\":{}}", says: "hexadecimal"),
        BadHeader(header: "{\"a\nb\":{}}", says: "control character"),
        BadHeader(header: "{\"__metadata__\":{\"a\":1}}", says: "'\"' belongs here"),
        BadHeader(header: "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", says: "metadata 'a' occurs twice"),
        BadHeader(header: "{\"__metadata__\":{},\"__metadata__\":{}}", says: "occurs twice"),
        tensor("", says: "has no 'dtype'"),
        tensor("\"dtype\":\"F32\",\"data_offsets\":[0,8]", says: "has no 'shape'"),
        tensor("\"dtype\":\"F32\",\"shape\":[2]", says: "has no 'data_offsets'"),
        tensor("\"dtype\":\"F32\",\"dtype\":\"F32\"", says: "'dtype' occurs twice"),
        tensor("\"colour\":\"red\"", says: "unknown key 'colour'"),
        tensor("\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]", says: "'w' is not sound: unknown type 'F31'"),
        tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]", says: "has 1 numbers"),
        tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,9]", says: "has 3 numbers"),
        tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]", says: "before it begins"),
        tensor("\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]", says: "cut off"),
        tensor("\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]", says: "takes 12 bytes, but 8"),
        tensor("\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]", says: "not negative"),
        tensor("\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]", says: "whole number"),
        tensor("\"dtype\":\"F32\",\"shape\":[2e0],\"data_offsets\":[0,8]", says: "whole number"),
        tensor("\"dtype\":\"F32\",\"shape\":[02],\"data_offsets\":[0,8]", says: "begins with 0"),
        tensor("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,99999999999999999999]", says: "too large"),
        tensor("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]", says: "too large"),
        tensor("\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,8]", says: "too large"),
        BadHeader(
            header: """
                {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}
                """, says: "'a' is not sound: the name occurs twice"),
        BadHeader(
            header: """
                {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}
                """, says: "'b' is not sound: its data overlaps that of 'a'"),
        BadHeader(
            header: """
                {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}
                """, says: "'b' is not sound: 3 bytes before its data"),
        BadHeader(
            header: "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
            says: "4 bytes at the end belong to no tensor"),
    ]
}

/// A folder for one test, gone afterwards.
func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "checkpoints-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
}

/// A safetensors file of any header and data.
private func file(_ header: String, _ data: [UInt8], in folder: URL) throws -> URL {
    let url = folder.appending(path: "x.safetensors")
    let text = Array(header.utf8)
    try Data(bytes(of: [UInt64(text.count)]) + text + data).write(to: url)
    return url
}

private func bytes<T>(of values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
