import Autograd
import Checkpoints
import Diffusion
import Foundation
import Layers
import Models
import Tensors
import Testing

@Suite struct AdapterFileTests {
    private static let path = "down_blocks.0.temp_attentions.0.transformer_blocks.0.attn1"
    private let sites = [
        LinearSite(path: "\(path).to_q", inputs: 6, outputs: 5),
        LinearSite(path: "\(path).to_out.0", inputs: 5, outputs: 4),
    ]

    private func inFolder<R>(_ body: (URL) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "adapters-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    @Test func `a LoRA is written as peft spells it and read back, the scale folded into B`() throws {
        try inFolder { folder in
            let file = folder.appending(path: LoRAFile.name)
            let lora = try LoRA(targets: sites, rank: 3, from: ReferenceFill())
            try LoRAFile.write(lora, scale: 2, to: file)
            let checkpoint = try Checkpoint.open(folder)
            #expect(
                checkpoint.names
                    == sites.flatMap { ["unet.\($0.path).lora_A.weight", "unet.\($0.path).lora_B.weight"] }.sorted())
            #expect(checkpoint.metadata["format"] == "pt")
            let read = try LoRAFile.read(checkpoint, sites: sites)
            for (a, b) in zip(read.factors, lora.factors) {
                #expect(a.site == b.site && a.down.value == b.down.value)
                #expect(a.up.value == Kernels.scale(b.up.value, by: 2))
            }
        }
    }

    @Test(arguments: [
        ("unet.P.to_q.lora.down.weight", "unet.P.to_q.lora.up.weight"),
        ("P.to_q.lora_A.weight", "P.to_q.lora_B.weight"),
        ("P.to_q.lora_down.weight", "P.to_q.lora_up.weight"),
        ("unet.P.processor.to_q_lora.down.weight", "unet.P.processor.to_q_lora.up.weight"),
        ("unet.P.to_q.lora_A.default.weight", "unet.P.to_q.lora_B.default.weight"),
        ("base_model.model.P.to_q.lora_A.weight", "base_model.model.P.to_q.lora_B.weight"),
        ("base_model.model.unet.P.to_q.lora_A.mine.weight", "base_model.model.unet.P.to_q.lora_B.mine.weight"),
        ("lora_unet_K_to_q.lora_down.weight", "lora_unet_K_to_q.lora_up.weight"),
    ])
    func `other spellings are read`(down: String, up: String) throws {
        try inFolder { folder in
            let file = folder.appending(path: "other.safetensors")
            let a = ReferenceFill.input("a", [2, 6])
            let b = ReferenceFill.input("b", [5, 2])
            func name(_ text: String) -> String {
                text.replacing("P", with: Self.path).replacing("K", with: Self.path.replacing(".", with: "_"))
            }
            try SafetensorsFile.write([name(down): a, name(up): b], to: file)
            let read = try LoRAFile.read(Checkpoint.open(file), sites: sites)
            let factors = try #require(read.factors(at: "\(Self.path).to_q"))
            #expect(factors.down.value == a && factors.up.value == b && read.factors.count == 1)
        }
    }

    @Test func `an older spelling of the output layer, with convolution shapes and an alpha`() throws {
        try inFolder { folder in
            let file = folder.appending(path: "other.safetensors")
            let stem = "unet.\(Self.path).processor.to_out_lora"
            let b = ReferenceFill.input("b", [4, 2])
            try SafetensorsFile.write(
                [
                    "\(stem).down.weight": ReferenceFill.input("a", [2, 5, 1, 1]),
                    "\(stem).up.weight": b.reshaped([4, 2, 1, 1]), "\(stem).alpha": Tensor(1),
                ], to: file)
            let read = try LoRAFile.read(Checkpoint.open(file), sites: sites)
            let factors = try #require(read.factors(at: "\(Self.path).to_out.0"))
            #expect(factors.up.value == Kernels.scale(b, by: 0.5) && factors.down.shape == [2, 5])
        }
    }

    @Test func `alpha and rank in peft's metadata scale B`() throws {
        try inFolder { folder in
            let file = folder.appending(path: "other.safetensors")
            let lora = try LoRA(targets: sites, rank: 4, from: ReferenceFill(), prefix: "")
            let tensors = Dictionary(uniqueKeysWithValues: lora.exported(prefix: "").map { ($0.name, $0.tensor) })
            let metadata = ["lora_adapter_metadata": #"{"r": 4, "lora_alpha": 8, "target_modules": ["to_q"]}"#]
            try SafetensorsFile.write(tensors, metadata: metadata, to: file)
            let read = try LoRAFile.read(Checkpoint.open(file), sites: sites)
            #expect(read.factors[0].up.value == Kernels.scale(lora.factors[0].up.value, by: 2))
        }
    }

    @Test func `an adapter_config.json beside peft's file scales B, by the rank or its root`() throws {
        try inFolder { folder in
            let file = folder.appending(path: "adapter_model.safetensors")
            let lora = try LoRA(targets: sites, rank: 4, from: ReferenceFill(), prefix: "")
            try LoRAFile.write(lora, spelling: .peft, to: file)
            func read(_ settings: String) throws -> LoRA {
                try Data(settings.utf8).write(to: folder.appending(path: "adapter_config.json"))
                return try LoRAFile.read(Checkpoint.open(file), sites: sites)
            }
            for (settings, scale) in [
                (
                    #"{"lora_alpha": 2, "r": 4, "target_modules": ["to_q"], "use_dora": false, "alpha_pattern": {}}"#,
                    0.5
                ),
                (#"{"lora_alpha": 2, "use_rslora": true}"#, 1), (#"{"r": 4}"#, 1),
            ] {
                let up = try read(settings).factors[0].up.value
                #expect(up == Kernels.scale(lora.factors[0].up.value, by: Float(scale)), "\(settings)")
            }
            for settings in [#"{"use_dora": true}"#, #"{"alpha_pattern": {"to_q": 3}}"#, "[]"] {
                #expect(throws: DiffusionError.self, "\(settings)") { try read(settings) }
            }
            // Who must know all that is read says where the settings are.
            func given(_ settings: URL?) throws -> LoRA {
                try LoRAFile.read(Checkpoint.open(file), sites: sites, settings: .file(settings))
            }
            _ = try read(#"{"lora_alpha": 2}"#)
            let elsewhere = folder.appending(path: "settings")
            try Data(#"{"lora_alpha": 8}"#.utf8).write(to: elsewhere)
            #expect(try given(elsewhere).factors[0].up.value == Kernels.scale(lora.factors[0].up.value, by: 2))
            let lost = #expect(throws: DiffusionError.self) { try given(nil) }
            #expect(lost.map { "\($0)" }?.contains("give the folder of both") == true)
            // The settings of another file are not this one's.
            let other = folder.appending(path: "other.safetensors")
            try FileManager.default.moveItem(at: file, to: other)
            #expect(
                try LoRAFile.read(Checkpoint.open(other), sites: sites).factors[0].up.value == lora.factors[0].up.value)
        }
    }

    @Test(arguments: LoRAFile.Spelling.allCases)
    func `what is written in each spelling is read back`(_ spelling: LoRAFile.Spelling) throws {
        try inFolder { folder in
            let file = folder.appending(path: LoRAFile.name)
            let lora = try LoRA(targets: sites, rank: 3, from: ReferenceFill())
            try LoRAFile.write(lora, spelling: spelling, to: file)
            let read = try LoRAFile.read(Checkpoint.open(file), sites: sites)
            #expect(read.variables.map(\.value) == lora.variables.map(\.value))
        }
    }

    @Test func `MotionDirector's lists are told apart by their number and shapes`() throws {
        let network = try ReferenceUNet.make().weights.linears
        try inFolder { folder in
            let file = folder.appending(path: "300_unet.safetensors")
            for targets in LoRATargets.allCases {
                let lora = try LoRA(targets: targets.choose(network), rank: 2, from: ReferenceFill())
                // [up₀, down₀, up₁, down₁, …]
                let list = lora.factors.flatMap { [$0.up.value, $0.down.value] }
                try SafetensorsFile.write(
                    Dictionary(uniqueKeysWithValues: list.enumerated().map { ("\($0)", $1) }), to: file)
                let read = try LoRAFile.read(Checkpoint.open(file), sites: network)
                #expect(read.factors.map(\.site) == lora.factors.map(\.site))
                #expect(read.variables.map(\.value) == lora.variables.map(\.value))

                try SafetensorsFile.write(
                    Dictionary(uniqueKeysWithValues: list.dropLast(2).enumerated().map { ("\($0)", $1) }), to: file)
                let short = #expect(throws: DiffusionError.self) {
                    try LoRAFile.read(Checkpoint.open(file), sites: network)
                }
                #expect(short.map { "\($0)" }?.contains("50 (temporal)") == true)
                // The first pair's factors the other way round.
                var swapped = list
                swapped.swapAt(0, 1)
                try SafetensorsFile.write(
                    Dictionary(uniqueKeysWithValues: swapped.enumerated().map { ("\($0)", $1) }), to: file)
                #expect(throws: DiffusionError.self) { try LoRAFile.read(Checkpoint.open(file), sites: network) }
            }
            try SafetensorsFile.write(["0": Tensor(zeros: [2, 2])], to: file)
            let odd = #expect(throws: DiffusionError.self) { try LoRAFile.read(Checkpoint.open(file), sites: network) }
            #expect(odd.map { "\($0)" }?.contains("a list of 1 tensors, not of pairs") == true)
        }
    }

    @Test func `a LoRA of another network names all modules that do not fit, with both shapes`() throws {
        try inFolder { folder in
            let file = folder.appending(path: LoRAFile.name)
            try LoRAFile.write(LoRA(targets: sites, rank: 2, from: ReferenceFill()), to: file)
            let checkpoint = try Checkpoint.open(file)
            let foreign = #expect(throws: DiffusionError.self) {
                try LoRAFile.read(checkpoint, sites: [LinearSite(path: sites[0].path, inputs: 7, outputs: 5)])
            }
            #expect(
                foreign
                    == .foreignLoRA(
                        file: file.path(percentEncoded: false),
                        mismatches: [
                            "\(sites[1].path) is not a Linear of this network",
                            "\(sites[0].path) has factors [2, 6] and [5, 2] where the network has [5, 7]",
                        ], modules: 2))
            #expect(
                "\(DiffusionError.foreignLoRA(file: "f", mismatches: (1...7).map { "m\($0)" }, modules: 9))"
                    == "f does not fit this network, in 7 of its 9 modules: m1; m2; m3; m4; m5; and 2 more; "
                    + "it was made for another model, or in a way that is not supported")
            for tensors in [
                ["conv_in.weight": Tensor(zeros: [1])],
                ["text_encoder.P.to_q.lora_A.other": Tensor(zeros: [1])],
                // The same factor twice.
                ["P.to_q.lora_A.weight": Tensor(zeros: [2, 6]), "P.to_q.lora.down.weight": Tensor(zeros: [2, 6])],
                // One factor alone, and factors of different rank.
                ["P.to_q.lora_A.weight": Tensor(zeros: [2, 6])],
                ["P.to_q.lora_A.weight": Tensor(zeros: [2, 6]), "P.to_q.lora_B.weight": Tensor(zeros: [5, 3])],
            ] {
                let named = tensors.map { ($0.key.replacing("P", with: Self.path), $0.value) }
                try SafetensorsFile.write(Dictionary(uniqueKeysWithValues: named), to: file)
                #expect(throws: DiffusionError.self, "\(tensors.keys)") {
                    try LoRAFile.read(Checkpoint.open(file), sites: sites)
                }
            }
        }
    }

    @Test func `a motion adapter comes back with all its parts`() throws {
        let unet = try ReferenceUNet.make()
        let lora = try LoRA(
            targets: LoRATargets.temporal.choose(unet.weights.linears), rank: 2, from: ReferenceFill())
        let sites = AppearanceInjector.Site.all(in: unet.weights)
        let adapter = MotionAdapter(
            temporalLoRA: lora,
            injector: AppearanceInjector(
                sites.map { ($0, Variable(ReferenceFill.input($0.path, [$0.channels, 20]))) }, point: .inner,
                fusion: .multiply, normalisesEmbedding: true),
            enhancer: MotionEnhancer(video: 20, token: 24, hidden: 7, using: Generator(seed: 3)),
            videoEmbedding: ReferenceFill.input("v", [20]), residualEmbedding: ReferenceFill.input("r", [24]),
            facts: MotionAdapter.Facts(motion: "zigzagging", span: .phrase, prompts: ["a", "b"]))
        try inFolder { folder in
            try adapter.write(to: folder)
            let (loraFile, rest) = (
                folder.appending(path: LoRAFile.name), folder.appending(path: MotionAdapter.fileName)
            )
            let read = try MotionAdapter(lora: loraFile, adapter: rest, network: unet.weights)
            #expect(read.facts == adapter.facts)
            #expect(read.temporalLoRA?.variables.map(\.value) == lora.variables.map(\.value))
            #expect(read.injector?.variables.map(\.value) == adapter.injector?.variables.map(\.value))
            #expect(read.injector?.point == .inner && read.injector?.fusion == .multiply)
            #expect(read.injector?.normalisesEmbedding == true)
            #expect(read.enhancer?.variables.map(\.value) == adapter.enhancer?.variables.map(\.value))
            #expect(
                read.videoEmbedding == adapter.videoEmbedding && read.residualEmbedding == adapter.residualEmbedding)
            let names = Set(try Checkpoint.open(rest).names)
            #expect(
                names.isSuperset(of: ["motion_enhancer.fc1.weight", "motion_enhancer.fc2.bias", "video_embedding"]))
            #expect(names.contains("appearance_injector.\(sites[0].path).weight"))

            var damaged = Dictionary(
                uniqueKeysWithValues: adapter.enhancer?.exported().map { ($0.name, $0.tensor) } ?? [])
            damaged["motion_enhancer.fc2.bias"] = nil
            try SafetensorsFile.write(damaged, to: rest)
            #expect(throws: DiffusionError.self) {
                try MotionAdapter(lora: nil, adapter: rest, network: unet.weights)
            }
            try SafetensorsFile.write(["appearance_injector.nowhere.weight": Tensor(zeros: [3, 2])], to: rest)
            #expect(throws: DiffusionError.self) {
                try MotionAdapter(lora: nil, adapter: rest, network: unet.weights)
            }
        }
    }
}
