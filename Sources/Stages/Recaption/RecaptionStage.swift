import Artifacts
import Diffusion
import Formats
import Foundation
import Logging
import Media
public import StageKit
import Tensors

/// Expands each clip's base prompt into a caption that also tells what the clip looks like, so that the appearance
/// stage learns looks from words and leaves the motion to the motion stage.
///
/// Captions come from the user, from the model set's own captioner, or from a vision-language model behind an
/// OpenAI-compatible endpoint; without any of them the base prompts go on as they are.
public struct RecaptionStage: Stage {
    /// Its name in pipeline files.
    public static let kind: StageKind = "recaption"
    /// Raised whenever equal inputs would give another output.
    public static let version = 1
    /// One line for people.
    public static let summary = "expand each base prompt by what the clip looks like"
    /// What it takes.
    public static let inputs = [InputPort("frames", .frames, help: "the frames of each clip, with its base prompt")]
    /// What it gives.
    public static let outputs = [OutputPort("captions", .captions, help: "a caption for each clip")]
    /// It mostly waits; the model set's captioner computes, for as many answers as there are clips.
    public static let pool = ResourcePool.light

    /// Who writes captions that the user does not give.
    public enum Captioner: String, SettingChoice {
        /// Nobody: the base prompt is the caption.
        case base
        /// The model set's captioner, a LLaVA.
        case model
        /// A server.
        case endpoint
    }

    /// Which frame the captioner sees.
    public enum Frame: String, SettingChoice {
        case first, middle, last

        func index(of count: Int) -> Int {
            switch self {
            case .first: 0
            case .middle: count / 2
            case .last: count - 1
            }
        }
    }

    /// What becomes of the sides of a picture that is no square, for the model set's captioner.
    public enum Picture: String, SettingChoice {
        /// The whole picture in a square, as LLaVA was trained.
        case whole
        /// Its middle, as transformers prepares it.
        case middle
    }

    /// What a pipeline file may set.
    public struct Settings: StageSettings {
        @Setting("captions by hand, one for each clip in order; they go before any captioner") var captions: [String] =
            []
        @Setting(
            "who writes the captions: nobody (the base prompts stay), the model set's captioner, or an "
                + "OpenAI-compatible endpoint")
        var captioner = Captioner.base
        @Setting("where the endpoint is, such as http://127.0.0.1:8080/v1") var endpoint: String? = nil
        @Setting("the model that the endpoint is asked for") var endpointModel: String? = nil
        @Setting("the environment variable that holds the endpoint's key") var keyVariable: String? = nil
        @Setting("which frame of a clip the captioner sees") var frame = Frame.middle
        @Setting("words that a caption may have", in: 1...1000) var maximumWords = 50
        @Setting("what the captioner is asked; {prompt} and {words} are filled in")
        var instruction = RecaptionStage.instruction
        @Setting(
            "what the model set's captioner reads: its picture stands at <image>, and what it is asked at {question}, if "
                + "that is there")
        var chat = RecaptionStage.chat
        @Setting("what the model set's captioner sees of a picture that is no square") var picture = Picture.whole
        @Setting("tokens after which the model set's captioner is cut off", in: 1...2000) var maximumTokens = 150
        @Setting("how matrices of the captioner are kept and multiplied") var precision = Precision.float32
        @Setting("seconds to wait for an answer", in: 1...86_400) var timeout = 180.0
        @Setting("tries after an error that may pass", in: 0...20) var retries = 3

        /// The defaults: captions are the base prompts.
        public init() {}
    }

    /// Asks for what diffusion.md 8.13 wants of a caption.
    public static let instruction = """
        The image is one frame of a video that shows: "{prompt}". Write one sentence, at most {words} words, that \
        describes the video. Keep the words for the subject and for its action as they are. Add what can be seen: looks, \
        clothing, colours, background, lighting, camera view. Do not guess what cannot be seen. Answer with the sentence \
        alone, without line breaks and without quotation marks.
        """

    /// As LLaVA 1.5 was trained (diffusion.md 10.3, `vicuna_v1`).
    public static let chat = """
        A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, \
        and polite answers to the user's questions. USER: <image>
        {question} ASSISTANT:
        """

    /// The stage.
    public init() {}

    /// The tokenizer, to hold captions to what the text encoder reads, and the captioner if it is asked; nothing while
    /// base prompts stay.
    public func modelParts(_ settings: Settings) -> [ModelPart] {
        if asksModel(settings) { return [.tokenizer, .captioner] }
        return settings.captions.isEmpty && settings.captioner == .base ? [] : [.tokenizer]
    }

    private func asksModel(_ settings: Settings) -> Bool { settings.captions.isEmpty && settings.captioner == .model }

    /// Whether the settings fit together and to the clips, and the key is there.
    public func check(_ settings: Settings, _ request: StageRequest) -> [StageProblem] {
        var problems: [StageProblem] = []
        for (index, caption) in settings.captions.enumerated() where CaptionRules.tidied(caption).isEmpty {
            problems.append(StageProblem(.setting("captions"), "caption \(index + 1) is empty"))
        }
        let clips = (request.upstream["frames"] ?? []).filter { $0.kind == .clips }.reduce(0) { $0 + $1.files.count }
        if !settings.captions.isEmpty, clips > 0, clips != settings.captions.count {
            let error = RecaptionError.wrongNumber(captions: settings.captions.count, clips: clips)
            problems.append(StageProblem(.setting("captions"), error.description))
        }
        if request.model?.folders[.tokenizer] != nil {
            problems += request.checkModel(parts: modelParts(settings))
        } else if asksModel(settings) {
            problems += request.checkModel(parts: [.captioner])
        }
        if asksModel(settings), let error = FolderCaptioner.problem(settings.chat) {
            problems.append(StageProblem(.setting("chat"), error.description))
        }
        guard settings.captions.isEmpty, settings.captioner == .endpoint else { return problems }
        do throws(EndpointError) {
            _ = try Endpoint(settings, environment: ProcessInfo.processInfo.environment)
        } catch {
            problems.append(StageProblem(.setting(error.setting), error.description))
        }
        return problems
    }

    /// Writes one caption for each clip.
    public func run(_ settings: Settings, _ context: StageContext) throws {
        try run(settings, context, environment: ProcessInfo.processInfo.environment, pause: 1)
    }

    /// - Parameters:
    ///   - environment: where the key is looked up.
    ///   - pause: seconds before the first retry; each further one waits twice as long.
    func run(_ settings: Settings, _ context: StageContext, environment: [String: String], pause: Double) throws {
        let clips = try ClipFrames.read(context.input("frames"))
        let limit = try context.model.flatMap { $0.folders[.tokenizer] == nil ? nil : try PromptLimit($0) }
        let isCutOff = { limit?.isCutOff($0) ?? false }
        let captions: [String]
        let origin: [String: Value]
        if !settings.captions.isEmpty {
            captions = try byHand(settings, clips, context, isCutOff)
            origin = ["captioner": .string("hand")]
        } else if settings.captioner == .base {
            context.log.notice(
                """
                captions are the base prompts, unchanged: appearance is learned better from captions that tell what the \
                clips look like; set `captions:` by hand, or `captioner: endpoint`
                """)
            captions = clips.map(\.prompt)
            origin = ["captioner": .string("base")]
        } else if settings.captioner == .model, let model = context.model {
            let captioner = try FolderCaptioner(model, settings)
            let rules = CaptionRules(maximumWords: settings.maximumWords, isCutOff: isCutOff)
            captions = try asked(settings, clips, context, rules) { question, picture in
                try captioner.ask(question, about: picture, checkCancellation: context.checkCancellation)
            }.captions
            origin = ["captioner": .string("model")]
        } else {
            let endpoint = try Endpoint(settings, environment: environment)
            let rules = CaptionRules(maximumWords: settings.maximumWords, isCutOff: isCutOff)
            let models: Set<String>
            if endpoint.sendsKeyInTheOpen {
                context.log.warning("the key travels unencrypted to \(endpoint.place): use https")
            }
            (captions, models) = try asked(settings, clips, context, rules) { question, picture in
                try endpoint.ask(
                    question, about: PNG.encode(picture), pause: pause, log: context.log,
                    checkCancellation: context.checkCancellation)
            }
            origin = ["captioner": .string("endpoint"), "models": .list(models.sorted().map(Value.string))]
        }
        let output = context.output("captions")
        try Caption.write(zip(clips, captions).map { Caption(prompt: $0.prompt, caption: $1) }, to: output)
        output.attributes = .map(origin)
    }

    private func byHand(
        _ settings: Settings, _ clips: [ClipFrames], _ context: StageContext, _ isCutOff: (String) -> Bool
    ) throws -> [String] {
        guard settings.captions.count == clips.count else {
            throw RecaptionError.wrongNumber(captions: settings.captions.count, clips: clips.count)
        }
        let captions = settings.captions.map(CaptionRules.tidied)
        for caption in captions where isCutOff(caption) {
            context.log.warning("the text encoder reads only the beginning of the caption '\(caption)'")
        }
        return captions
    }

    /// Captions of a captioner, and the names of the models that it says wrote them.
    private func asked(
        _ settings: Settings, _ clips: [ClipFrames], _ context: StageContext, _ rules: CaptionRules,
        _ ask: (_ question: String, _ picture: Frames) throws -> Endpoint.Answer
    ) throws -> (captions: [String], models: Set<String>) {
        var captions: [String] = []
        var models: Set<String> = []
        // Who sees one frame and is not told the prompt cannot name the motion, and need not.
        let isBlindToMotion = settings.captioner == .model && !settings.chat.contains("{question}")
        for (index, clip) in clips.enumerated() {
            context.report(StageProgress(index, of: clips.count, unit: "clip"))
            let frame = settings.frame.index(of: clip.frames)
            let picture = Frames(count: 1, height: clip.height, width: clip.width, bytes: clip.frame(frame))
            let question = settings.instruction.replacing("{prompt}", with: clip.prompt)
                .replacing("{words}", with: "\(settings.maximumWords)")
            let answer = try ask(question, picture)
            let caption: String
            do throws(CaptionRules.Refusal) {
                caption = try rules.caption(from: answer, prompt: clip.prompt)
            } catch {
                throw RecaptionError.refused(clip: index + 1, why: error, answer: answer.text)
            }
            var lost = CaptionRules.lostWords(of: clip.prompt, in: caption)
            if isBlindToMotion, let motion = try? MotionWord(in: clip.prompt, motion: nil) {
                lost.removeAll { $0 == motion.text.lowercased() }
            }
            if !lost.isEmpty {
                context.log.warning(
                    "clip \(index + 1): the caption lost \(lost.joined(separator: ", ")) of '\(clip.prompt)'")
            }
            context.log.info("clip \(index + 1): \(caption)")
            captions.append(caption)
            if let model = answer.model { models.insert(model) }
        }
        context.report(StageProgress(clips.count, of: clips.count, unit: "clip"))
        return (captions, models)
    }
}
