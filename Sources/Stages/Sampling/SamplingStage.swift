import Artifacts
import Diffusion
import Formats
import Foundation
public import StageKit

/// Makes videos of a prompt: DDIM with classifier-free guidance, performed with a learned motion or without.
public struct SamplingStage: Stage {
    /// What a pipeline file may set.
    public typealias Settings = SamplingSettings

    /// Its name in pipeline files.
    public static let kind: StageKind = "sampling"
    /// Raised whenever equal inputs would give another output.
    public static let version = 4
    /// One line for people.
    public static let summary = "make videos of a prompt by DDIM with classifier-free guidance"
    /// What it takes.
    public static let inputs = [
        InputPort(
            "motion", .motionAdapter, isOptional: true, acceptsFiles: true,
            help: "what the motion stage learned, or a temporal LoRA from elsewhere"),
        InputPort(
            "appearance", .spatialLoRA, isOptional: true, takesMany: true, acceptsFiles: true,
            help: "spatial LoRAs of subjects that shall perform the motion; of one for each clip the first"),
        InputPort(
            "frames", .frames, isOptional: true,
            help: "reference clips: the first gives size, count and rate; noise-prior inverts one"),
        InputPort("embeddings", .embeddings, isOptional: true, help: "image embeddings for `injector: true`"),
        InputPort(
            "noise", .latents, isOptional: true, acceptsFiles: true,
            help: "latents to begin with in place of drawn noise: `seed-N.safetensors` for seed N, or one file for all"),
    ]
    /// What it gives.
    public static let outputs = [
        OutputPort("videos", .videos, help: "an mp4 for each seed"),
        OutputPort("latents", .latents, help: "the final latents of each"),
        OutputPort("sheet", .file, help: "a picture of all: a row of frames for each seed"),
    ]
    /// The elements of its for-each.
    public static let element: ElementKind? = .prompt

    /// The stage.
    public init() {}

    /// The parts of the model set that it reads.
    public func modelParts(_ settings: Settings) -> [ModelPart] {
        [.unet, .vae, .textEncoder, .tokenizer, .scheduler]
    }

    /// What can be found wrong before anything runs.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        request.checkModel(parts: modelParts(settings)) + settings.problems(request)
            + checkLoRAs(request, port: "motion") + checkLoRAs(request, port: "appearance")
    }

    /// Samples one video for each seed.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        guard let model = context.model else { throw FormatError.missingPart(set: "(none)", part: "unet") }
        guard var subject = Subject(settings, element: context.element) else { throw SamplingError.noPrompt }
        if subject.isOpen {
            subject.prompt.replace(Subject.motionMark, with: try settings.motion ?? shownMotion(context))
        }
        try SampleRun(settings: settings, subject: subject, model: model, context: context).run()
    }
}

extension SamplingStage {
    /// The word that names the motion in the first reference's prompt.
    private func shownMotion(_ context: StageContext) throws -> String {
        guard let first = try context.optionalInput("frames").flatMap({ try ClipFrames.read($0).first }) else {
            throw SamplingError.needsInput(port: "frames", setting: "prompt")
        }
        return try MotionWord(in: first.prompt, motion: nil).text
    }
}

/// What a step samples.
struct Subject {
    /// What stands in a prompt for the motion's name, so that a matrix over motions can share its prompts.
    static let motionMark = "{motion}"

    var prompt: String
    let entity: String?

    /// Whether the motion's name is still to be filled in.
    var isOpen: Bool { prompt.contains(Self.motionMark) }

    /// The for-each's element, else the settings; nil when neither has a prompt.
    init?(_ settings: SamplingSettings, element: Value?) {
        if case .map(let members) = element, case .string(let text) = members["prompt"] {
            prompt = text
            if case .string(let text) = members["entity"] { entity = text } else { entity = nil }
        } else if let text = settings.prompt {
            prompt = text
            entity = settings.entity
        } else {
            return nil
        }
    }
}

/// What both sides of a video are multiples of: the autoencoder's factor, and even, because yuv420p halves both ways.
func sizeMultiple(factor: Int) -> Int { factor % 2 == 0 ? factor : 2 * factor }

extension SamplingSettings {
    /// What is wrong, as far as settings, prompt and model folders tell.
    func problems(_ request: StageRequest) -> [StageProblem] {
        var problems: [StageProblem] = []
        if let subject = Subject(self, element: request.element) {
            problems += wordProblems(subject, request)
            if subject.isOpen, motion == nil, !request.isConnected("frames") {
                problems.append(
                    StageProblem(
                        request.element == nil ? .setting("prompt") : .element,
                        "nothing says what `\(Subject.motionMark)` stands for",
                        help: "set `motion`, or connect `frames`, whose first prompt names it"))
            }
        } else {
            problems.append(
                StageProblem(
                    .setting("prompt"), "there is nothing to sample",
                    help: "set `prompt`, or add `for-each: \"${prompts}\"`"))
        }
        if seeds.isEmpty { problems.append(StageProblem(.setting("seeds"), "there is no seed, so there is no video")) }
        if Set(seeds).count != seeds.count {
            problems.append(StageProblem(.setting("seeds"), "a seed occurs twice: its video would be the same"))
        }
        let isSizedByReference = sizedBy == .reference && request.isConnected("frames")
        let multiple = sizeMultiple(factor: request.spatialFactor ?? 1)
        for (name, length) in [("width", width), ("height", height)]
        where !isSizedByReference && length % multiple != 0 {
            let near = max(multiple, (length + multiple / 2) / multiple * multiple)
            problems.append(
                StageProblem(
                    .setting(name), "\(length) is not a multiple of \(multiple), as the model's autoencoder needs",
                    help: "\(near) is the nearest that is"))
        }
        if !isSizedByReference, max(width, height) * enlarge > SamplingError.longestSide {
            problems.append(
                StageProblem(
                    .setting("enlarge"), "\(SamplingError.tooLarge(width: width * enlarge, height: height * enlarge))"))
        }
        problems += InitialNoise.problems(request, seeds: seeds)
        for (setting, port, isNeeded) in [
            ("noise-prior", "frames", noisePrior > 0), ("injector", "motion", injector),
            ("injector", "embeddings", injector),
        ] where isNeeded && !request.isConnected(port) {
            problems.append(
                StageProblem(.setting(setting), "\(SamplingError.needsInput(port: port, setting: setting))"))
        }
        if let scheduler = request.scheduler {
            let counts =
                [("inference-steps", inferenceSteps)] + (noisePrior > 0 ? [("inversion-steps", inversionSteps)] : [])
            for (name, count) in counts {
                do { _ = try scheduler.timesteps(count) } catch {
                    problems.append(StageProblem(.setting(name), "\(error)"))
                }
            }
        }
        return problems
    }

    /// Only with `motion` is it certain that the prompt must have a verb: without a motion adapter it need not.
    private func wordProblems(_ subject: Subject, _ request: StageRequest) -> [StageProblem] {
        guard let motion, missingWord == .error, residual == .recompute, !subject.isOpen else { return [] }
        let place: StageProblem.Subject = request.element == nil ? .setting("prompt") : .element
        let problem = request.motionWordProblem(in: subject.prompt, motion: motion, span: .verb)
        return problem.map { [StageProblem(place, $0)] } ?? []
    }
}
