import Artifacts
import Foundation
import Pipelines
import StageKit

/// A folder with clips, a model and captions, and a reader with stages of the same ports as the real ones.
struct Workplace: ~Copyable {
    let root: URL

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "pipelines-\(UUID().uuidString)")
        try write("clips/a.mp4", "a")
        try write("clips/b.mp4", "b")
        try write("folder/x.mp4", "x")
        try write("folder/x.txt", "A man is x\n")
        try write("folder/y.MOV", "y")
        try write("folder/y.txt", "A man is y")
        try write("table/one.mp4", "1")
        try write(
            "table/metadata.jsonl", "{\"file_name\": \"one.mp4\", \"text\": \"A man is one\"}\n\n")
        try write("shrink.txt", "half")
        for part in ["unet", "vae", "text_encoder", "tokenizer", "scheduler", "image_encoder", "video_encoder"] {
            try write("models/tiny/\(part)/config.json", "{}")
        }
        try write(
            "models/tiny/model.yaml",
            """
            name: tiny
            unet: unet
            vae: vae
            text-encoder: text_encoder
            tokenizer: tokenizer
            scheduler: scheduler
            image-encoder: image_encoder
            video-encoder: video_encoder
            recommended:
              sampling: {guidance: 4, inference-steps: 12}
            """)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func write(_ path: String, _ text: String) throws { try write(path, Data(text.utf8)) }

    func write(_ path: String, _ data: Data) throws {
        let file = root.appending(path: path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
    }

    func reader(
        _ overrides: [String] = [], environment: [String: String] = [:], profile: String? = nil
    ) -> PipelineReader {
        PipelineReader(
            stages: FakeStages.table, environment: environment, overrides: overrides, profile: profile)
    }

    func pipeline(
        _ text: String, _ overrides: [String] = [], environment: [String: String] = [:], profile: String? = nil
    ) throws -> Pipeline {
        try reader(overrides, environment: environment, profile: profile)
            .read(Data(text.utf8), named: "p.yaml", in: root)
    }

    func plan(_ text: String, _ overrides: [String] = [], environment: [String: String] = [:]) throws -> Plan {
        try pipeline(text, overrides, environment: environment).plan
    }

    /// What people would see, with what the stages find when nothing else is wrong.
    func errors(_ text: Data, _ overrides: [String] = []) -> String {
        do {
            let problems = try reader(overrides).read(text, named: "p.yaml", in: root).check()
            return problems.isEmpty ? "" : PipelineError.invalid(problems).description
        } catch {
            return "\(error)".replacingOccurrences(of: root.path(percentEncoded: false), with: "ROOT")
        }
    }
}

/// Stages that do nothing, with the ports and some of the settings of the real ones.
enum FakeStages {
    enum Precision: String, SettingChoice { case float32, bf16 }

    static let table = StageTable([
        StageDescriptor(FrameExtraction.self), StageDescriptor(Recaption.self), StageDescriptor(Spatial.self),
        StageDescriptor(Embedding.self), StageDescriptor(Motion.self), StageDescriptor(Sampling.self),
        StageDescriptor(Scoring.self), StageDescriptor(Program.self),
    ])

    struct FrameExtraction: FakeStage {
        struct Settings: StageSettings {
            @Setting("frames a second", in: 0.1...240) var fps = 8.0
            @Setting("frames of each clip", in: 1...1000) var frames = 24
            @Setting("columns and rows", in: 8...8192) var size = [64, 40]
        }
        static let kind: StageKind = "frame-extraction"
        static let inputs = [InputPort("clips", .clips, help: "the reference clips")]
        static let outputs = [OutputPort("frames", .frames, help: "frames")]

        func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
            var problems: [StageProblem] = []
            for source in request.sources["clips"] ?? [] {
                for (index, file) in source.files.enumerated() {
                    guard (try? String(contentsOf: file.url, encoding: .utf8)) == "no video" else { continue }
                    problems.append(
                        StageProblem(.input(port: "clips", index: index), "this file has no video stream"))
                }
            }
            if settings.size.count != 2 {
                problems.append(
                    StageProblem(.setting("size"), "a size is two numbers", help: "write `[columns, rows]`"))
            }
            return problems
        }
    }

    struct Recaption: FakeStage {
        struct Settings: StageSettings {
            enum Source: String, SettingChoice { case prompts, endpoint, model }
            @Setting("where captions come from") var source = Source.prompts
        }
        static let kind: StageKind = "recaption"
        static let inputs = [InputPort("frames", .frames, help: "decoded clips")]
        static let outputs = [OutputPort("captions", .captions, help: "captions")]
        func modelParts(_ settings: Settings) -> [ModelPart] { settings.source == .model ? [.captioner] : [] }
    }

    struct Spatial: FakeStage {
        struct Settings: StageSettings {
            @Setting("steps", in: 1...10_000_000) var steps = 600
            @Setting("rank", in: 1...4096) var rank = 32
            @Setting("dropout", in: 0...0.99) var loraDropout = 0.0
            @Setting("how many LoRAs") var loras = Count.each
            @Setting("what is said") var text = Text.captions
            @Setting("precision") var precision = Precision.float32
            enum Count: String, SettingChoice { case each, one }
            enum Text: String, SettingChoice { case captions, prompts }
        }
        static let kind: StageKind = "spatial-lora-training"
        static let inputs = [
            InputPort("frames", .frames, help: "decoded clips"),
            InputPort("captions", .captions, isOptional: true, help: "captions"),
        ]
        static let outputs = [OutputPort("lora", .spatialLoRA, help: "LoRA")]
        func modelParts(_ settings: Settings) -> [ModelPart] { [.unet, .vae, .textEncoder, .tokenizer] }
        func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
            request.model?.name == "broken" ? [StageProblem(.model(.unet), "the unet lacks `conv_in.weight`")] : []
        }
    }

    struct Embedding: FakeStage {
        struct Settings: StageSettings {
            @Setting("precision") var precision = Precision.float32
        }
        static let kind: StageKind = "image-embedding"
        static let inputs = [InputPort("frames", .frames, help: "decoded clips")]
        static let outputs = [OutputPort("embeddings", .embeddings, help: "embeddings")]
        func modelParts(_ settings: Settings) -> [ModelPart] { [.imageEncoder] }
    }

    struct Motion: FakeStage {
        struct Settings: StageSettings {
            @Setting("the word that names the motion") var motion: String? = nil
            @Setting("steps", in: 1...10_000_000) var steps = 600
            @Setting("rank", in: 1...4096) var rank = 32
            @Setting("learning rate", in: 0...1) var learningRate = 5e-4
            @Setting("injector") var injector = true
            @Setting("enhancer") var enhancer = true
            @Setting("debiased", in: 0...1000) var debiasedWeight = 0.0
            @Setting("dropout", in: 0...0.99) var loraDropout = 0.0
            @Setting("precision") var precision = Precision.float32
        }
        static let kind: StageKind = "motion-training"
        static let inputs = [
            InputPort("frames", .frames, help: "decoded clips"),
            InputPort("embeddings", .embeddings, isOptional: true, help: "image embeddings"),
            InputPort("appearance", .spatialLoRA, isOptional: true, help: "spatial LoRA"),
        ]
        static let outputs = [OutputPort("adapter", .motionAdapter, help: "adapter")]
        func modelParts(_ settings: Settings) -> [ModelPart] { [.unet, .vae, .textEncoder, .tokenizer] }
    }

    struct Sampling: FakeStage {
        struct Settings: StageSettings {
            enum Residual: String, SettingChoice { case recompute, fixed, off }
            @Setting("for a step without for-each") var prompt: String? = nil
            @Setting("the word that names the motion") var motion: String? = nil
            @Setting("seeds", in: 0...4_294_967_295) var seeds = [1]
            @Setting("seeds at once", in: 1...64) var batch = 1
            @Setting("guidance", in: 0...1000) var guidance = 12.0
            @Setting("denoising steps", in: 1...1000) var inferenceSteps = 30
            @Setting("residual") var residual = Residual.recompute
            @Setting("precision") var precision = Precision.float32
        }
        static let kind: StageKind = "sampling"
        static let element: ElementKind? = .prompt
        static let inputs = [
            InputPort("motion", .motionAdapter, isOptional: true, help: "adapter"),
            InputPort("appearance", .spatialLoRA, isOptional: true, help: "spatial LoRA"),
            InputPort("frames", .frames, isOptional: true, help: "reference clips"),
        ]
        static let outputs = [
            OutputPort("videos", .videos, help: "videos"), OutputPort("latents", .latents, help: "latents"),
        ]
        func modelParts(_ settings: Settings) -> [ModelPart] { [.unet, .vae, .textEncoder, .tokenizer, .scheduler] }
        func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
            guard case .map(let element)? = request.element, case .string(let prompt)? = element["prompt"] else {
                return [StageProblem(.step, "the step has no prompt")]
            }
            return prompt.contains("ing") ? [] : [StageProblem(.element, "the prompt has no verb")]
        }
    }

    struct Scoring: FakeStage {
        struct Settings: StageSettings {
            @Setting("precision") var precision = Precision.float32
        }
        static let kind: StageKind = "metric-scoring"
        static let inputs = [
            InputPort("videos", .videos, takesMany: true, help: "videos"),
            InputPort("references", .frames, help: "decoded clips"),
        ]
        static let outputs = [OutputPort("scores", .scores, help: "scores")]
        func modelParts(_ settings: Settings) -> [ModelPart] { [.imageEncoder, .videoEncoder] }
    }

    struct Program: FakeStage {
        struct Settings: StageSettings {
            @Setting("program and arguments") var run: [String] = []
            @Setting("variables") var environment: [String: String] = [:]
            @Setting("inputs") var inputs: [String] = []
            @Setting("outputs") var outputs: [String: String] = [:]
        }
        static let kind: StageKind = "command"
        static let inputs: [InputPort] = []
        static let outputs: [OutputPort] = []
        static let declaresOwnPorts = true
    }
}

protocol FakeStage: Stage {}

extension FakeStage {
    static var version: Int { 1 }
    static var summary: String { "does nothing" }
    func run(_ settings: Settings, _ context: StageContext) throws {}
}

/// The file of design section 3.
let zigzag = """
    version: 1
    name: zigzag
    model: tiny
    template: motrans
    motion: zigzagging
    clips:
      - file: clips/a.mp4
        prompt: A red ball is zigzagging on the grass
    prompts:
      - A blue robot is zigzagging in the snow
      - {prompt: A green cat is zigzagging on the beach, entity: a green cat}
    settings:
      appearance: {steps: 200}
      motion: {steps: 300, rank: 16}
      samples: {seeds: [1, 2], guidance: 12, inference-steps: 30}

    """

/// A full graph to append steps to.
let graph = """
    version: 1
    model: tiny
    motion: zigzagging
    clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
    prompts: [A robot is zigzagging, A cat is zigzagging]

    """
