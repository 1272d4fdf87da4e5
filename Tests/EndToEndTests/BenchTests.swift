import Foundation
import Testing

@Suite("bench measures built-in networks and model folders, and says what it cannot measure")
struct BenchTests {
    /// A float32 tensor of small numbers, and an int64 one, as a safetensors file has them.
    static func safetensors(_ floats: [String: [Int]], timestep: Int64? = nil) throws -> Data {
        var (header, data): ([String: Any], Data) = ([:], Data())
        if let timestep {
            withUnsafeBytes(of: timestep.littleEndian) { data += $0 }
            header["timestep"] = ["dtype": "I64", "shape": [1], "data_offsets": [0, 8]]
        }
        for (name, shape) in floats.sorted(by: { $0.key < $1.key }) {
            let start = data.count
            for index in 0..<shape.reduce(1, *) {
                withUnsafeBytes(of: Float(sin(Double(index))).bitPattern.littleEndian) { data += $0 }
            }
            header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [start, data.count]]
        }
        let json = try JSONSerialization.data(withJSONObject: header)
        return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json + data
    }

    /// The tiny model set, and inputs for each workload of its UNet.
    private func prepare(_ workspace: borrowing Workspace) throws {
        #expect(try workspace.motrans("models", "init", "tiny", "tiny", "--seed", "1").status == 0)
        let (one, two) = ([1, 4, 2, 8, 8], [2, 4, 2, 8, 8])
        let files: [(String, Data)] = [
            (
                "forward",
                try Self.safetensors(["sample": two, "encoder_hidden_states": [2, 3, 64]], timestep: 500)
            ),
            (
                "training-step",
                try Self.safetensors(
                    ["sample": one, "noise": one, "encoder_hidden_states": [1, 3, 64]], timestep: 500)
            ),
            ("sampling", try Self.safetensors(["sample": one, "encoder_hidden_states": [2, 3, 64]])),
            ("latents", try Self.safetensors(["latents": [1, 4, 8, 8]])),
        ]
        for (name, data) in files { try data.write(to: workspace.folder.appending(path: "\(name).safetensors")) }
    }

    /// The only result of a document, with what every result has checked.
    private func result(_ outcome: Outcome, repetitions: Int) throws -> [String: Any] {
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.hasPrefix("{\"schema_version\":1,"))
        let document = try outcome.document()
        #expect(document["kernels"] is String)
        #expect((document["threads"] as? Int ?? 0) > 0)
        let results = try #require(document["results"] as? [[String: Any]])
        #expect(results.count == 1)
        let result = try #require(results.first)
        let seconds = try #require(result["seconds"] as? [String: Any])
        #expect(Set(seconds.keys) == ["minimum", "median", "maximum", "all"])
        #expect((seconds["all"] as? [Double])?.count == repetitions)
        #expect((result["peak_running_bytes"] as? Int ?? 0) > 1 << 20)
        #expect((result["peak_bytes"] as? Int ?? 0) >= (result["peak_running_bytes"] as? Int ?? 0))
        return result
    }

    @Test("the forward of a folder gives what `forward` gives")
    func forward() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        let outcome = try workspace.motrans(
            "bench", "tiny/unet", "--inputs", "forward.safetensors", "--repeat", "3", "--outputs", "a.safetensors",
            "--json")
        let result = try result(outcome, repetitions: 3)
        #expect(result["workload"] as? String == "forward")
        #expect(result["model"] as? String == "tiny/unet")
        #expect(result["class"] as? String == "UNet3DConditionModel")
        #expect((result["parameters"] as? Int ?? 0) > 1_000_000)
        let plain = try workspace.motrans(
            "forward", "tiny/unet", "--inputs", "forward.safetensors", "--outputs", "b.safetensors")
        #expect(plain.status == 0, "\(plain.errors)")
        let files = ["a", "b"].map { workspace.folder.appending(path: "\($0).safetensors") }
        #expect(try Data(contentsOf: files[0]) == Data(contentsOf: files[1]))

        let vae = try workspace.motrans("bench", "tiny/vae", "--inputs", "latents.safetensors", "--repeat", "1")
        #expect(vae.status == 0, "\(vae.errors)")
        #expect(vae.output.contains("tiny/vae") && vae.output.contains("peak memory"))
    }

    @Test("a training step tells loss and gradients, the same with checkpointing")
    func trainingStep() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        var losses: [Double] = []
        for checkpointing in [[], ["--checkpointing"]] {
            let outcome = try workspace.run(
                Workspace.binary,
                [
                    "bench", "tiny/unet", "--inputs", "training-step.safetensors", "--workload", "training-step",
                    "--rank", "2", "--repeat", "2", "--outputs", "gradients.safetensors", "--json",
                ] + checkpointing)
            let result = try result(outcome, repetitions: 2)
            let training = try #require(result["training"] as? [String: Any])
            #expect((training["lora_parameters"] as? Int ?? 0) > 1000)
            #expect((training["gradient_norm"] as? Double ?? 0) > 0)
            losses.append(try #require(training["loss"] as? Double))
            let phases = try #require(training["phases"] as? [String: [String: Any]])
            #expect(Set(phases.keys) == ["forward", "backward", "optimiser"])
            for phase in phases.values { #expect((phase["all"] as? [Double])?.count == 2) }
            #expect(
                FileManager.default.fileExists(atPath: workspace.folder.appending(path: "gradients.safetensors").path))
        }
        #expect(losses[0] == losses[1] && losses[0] > 0)
    }

    @Test("sampling gives latents")
    func sampling() throws {
        let workspace = try Workspace()
        try prepare(workspace)
        let outcome = try workspace.motrans(
            "bench", "tiny/unet", "--inputs", "sampling.safetensors", "--workload", "sampling", "--steps", "2",
            "--repeat", "1", "--outputs", "latents.safetensors", "--json")
        #expect(try result(outcome, repetitions: 1)["workload"] as? String == "sampling")
        let header = try Data(contentsOf: workspace.folder.appending(path: "latents.safetensors")).prefix(200)
        #expect(String(decoding: header, as: UTF8.self).contains("\"shape\":[1,4,2,8,8]"))
    }

    @Test("a built-in network says its speed")
    func builtIn() throws {
        let workspace = try Workspace()
        let outcome = try workspace.motrans(
            "bench", "--quick", "--workload", "forward", "--repeat", "1", "--threads", "1", "--json")
        let result = try result(outcome, repetitions: 1)
        #expect(result["model"] as? String == "tiny")
        #expect((result["gigaflop_per_second"] as? Double ?? 0) > 0)
        #expect(outcome.errors.contains("tiny, forward: warming up"))
    }

    @Test(
        "what cannot be measured ends with 2 and says why",
        arguments: [
            ("tiny/unet", "--inputs"), ("--inputs forward.safetensors", "model folder"),
            ("tiny/unet --inputs forward.safetensors --quick", "--quick"), ("--quick --size small", "--size"),
            ("--size huge", "huge"), ("--repeat 0", "--repeat"), ("--precision half", "float32 or fp16 or bf16"),
            ("--steps 1001", "--steps"), ("--guidance 1", "--guidance"), ("--workload resting", "resting"),
            ("nowhere --inputs forward.safetensors", "nowhere"), ("tiny/unet --inputs nothing.safetensors", "nothing"),
            ("tiny/vae --inputs forward.safetensors", "pixel_values"),
            ("tiny/vae --inputs latents.safetensors --workload sampling", "AutoencoderKL"),
            ("tiny/unet --inputs sampling.safetensors --workload training-step", "[1, L, 64]"),
            ("tiny/unet --inputs forward.safetensors --workload sampling", "[1, 4, f, h, w]"),
            ("tiny/unet --inputs forward.safetensors --workload training-step", "noise"),
            ("tiny/unet --inputs forward.safetensors --workload forward --workload sampling", "one --workload"),
        ])
    func refusals(arguments: String, says: String) throws {
        let workspace = try Workspace()
        try prepare(workspace)
        let outcome = try workspace.run(
            Workspace.binary, ["bench"] + arguments.split(separator: " ").map(String.init))
        #expect(outcome.status == 2, "\(outcome.errors)")
        #expect(outcome.output == "")
        #expect(outcome.errors.contains("error: ") && outcome.errors.contains(says), "\(outcome.errors)")
        #expect(!outcome.errors.contains("Domain="), "\(outcome.errors)")
    }
}
