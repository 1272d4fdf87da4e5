import Foundation
import Testing

@Suite("MOTRANS_KERNELS forces a level of kernels, or ends the program before anything runs")
struct KernelLevelTests {
    @Test("a name of no level ends every command with 2", arguments: ["avx9", "AVX2", "sse"])
    func unknown(name: String) throws {
        let workspace = try Workspace()
        for arguments in [["doctor"], ["models", "init", "tiny", "tiny"], ["bench", "--quick"]] {
            let outcome = try workspace.run(
                Workspace.binary, arguments, environment: ["MOTRANS_KERNELS": name])
            #expect(outcome.status == 2)
            #expect(outcome.output == "")
            #expect(
                outcome.errors.hasPrefix(
                    "error: MOTRANS_KERNELS=\(name) names no level of kernels. Here it can be portable"),
                "\(outcome.errors)")
        }
        #expect(try workspace.names() == [])
    }

    @Test("the doctor tells the level that runs, and those that could")
    func doctor() throws {
        let workspace = try Workspace()
        let usual = try workspace.motrans("doctor")
        let levels = try #require(usual.output.firstMatch(of: /this processor can run ([a-z0-9, ]+)/)).output.1
            .split(separator: ", ").map(String.init)
        #expect(levels.first == "portable")
        for level in ["portable", "avx2", "avx512", "avx512bf16"] {
            let outcome = try workspace.motrans("doctor", environment: ["MOTRANS_KERNELS": level])
            if levels.contains(level) {
                #expect(outcome.output.contains("\(level) kernels; "), "\(outcome.output)")
            } else {
                #expect(outcome.status == 2)
                #expect(
                    outcome.errors.contains("MOTRANS_KERNELS=\(level) names kernels that this processor cannot run"))
            }
        }
        let last = try #require(levels.last)
        #expect(usual.output.contains("\(last) kernels; "))
        #expect(
            try workspace.motrans("doctor", environment: ["MOTRANS_KERNELS": ""]).output.contains("\(last) kernels; "))
    }

    @Test("a network gives the same on portable kernels as on the usual ones, to 1e-4")
    func portable() throws {
        let workspace = try Workspace()
        #expect(try workspace.motrans("models", "init", "tiny", "tiny", "--seed", "1").status == 0)
        let inputs = try BenchTests.safetensors(
            ["sample": [2, 4, 2, 8, 8], "encoder_hidden_states": [2, 3, 64]], timestep: 500)
        try inputs.write(to: workspace.folder.appending(path: "in.safetensors"))
        let results = try ["", "portable"].map { level in
            let outcome = try workspace.motrans(
                "forward", "tiny/unet", "--inputs", "in.safetensors", "--outputs", "out\(level).safetensors",
                environment: ["MOTRANS_KERNELS": level])
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try floats(workspace.folder.appending(path: "out\(level).safetensors"))
        }
        let scale = results[0].reduce(0) { max($0, $1.magnitude) }
        let error = zip(results[0], results[1]).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
        #expect(results[0].count == 2 * 4 * 2 * 8 * 8 && results[1].count == results[0].count)
        #expect(scale > 0.01 && error <= 1e-4 * scale, "\(error) of \(scale)")
    }

    /// The numbers of a safetensors file of one float32 tensor.
    private func floats(_ file: URL) throws -> [Float] {
        let data = try Data(contentsOf: file)
        let header = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        return data.dropFirst(8 + header).withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}
