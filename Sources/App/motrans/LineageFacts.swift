import Artifacts
import Checkpoints
import Diffusion
import Execution
import Formats
import Foundation
import Lineage
import Models
import StageKit
import Storage

/// What those who know the formats inside artifacts can tell of a closure, as values for every printer.
struct LineageFacts {
    /// A clip's caption: what the user said, and what became of it.
    struct EditedCaption {
        let clip: Int
        let base: String
        let caption: String

        var difference: WordDifference { WordDifference(from: base, to: caption) }
    }

    /// Captions, and who wrote them.
    struct Captions {
        let captions: [EditedCaption]
        /// `by hand, in p.yaml:14:30`, `by the model set's captioner`.
        let author: String
        /// When, on which host.
        let moment: String
    }

    /// Where the word of a motion stands in a prompt.
    struct MotionPlace {
        let prompt: String
        let word: String
        /// Tokens, from 0 at the start token; nil where the tokenizer is not there any more.
        let tokens: Range<Int>?
    }

    /// How a training went.
    struct Training {
        /// The folder in the artifact, empty for the only one.
        let part: String
        /// How many numbers were trained.
        let parameters: Int
        let steps: Int
        /// The mean losses of the first and the last tenth.
        let first: Double
        let last: Double

        init(_ record: TrainingRecord, part: String) {
            self.part = part
            parameters = record.parameters
            steps = record.steps.count
            let losses = record.steps.map(\.loss)
            let tenth = max(1, losses.count / 10)
            let mean = { (some: ArraySlice<Double>) in some.reduce(0, +) / Double(max(1, some.count)) }
            first = mean(losses.prefix(tenth))
            last = mean(losses.suffix(tenth))
        }

        var words: String {
            (part.isEmpty ? "" : "\(part): ") + "\(parameters) numbers, \(steps) steps, mean loss "
                + String(format: "%.4f at first, %.4f at last", first, last)
        }
    }

    /// The scores of a video.
    struct VideoScores {
        let video: String
        let values: [(name: String, value: Double)]
        let by: AttemptRecord
    }

    let closure: LineageClosure
    let store: ObjectStore
    /// Of `captions` artifacts.
    let captions: [Digest: Captions]
    /// Of `frames` artifacts: what was taken of each clip.
    let moments: [Digest: [FrameMoments]]
    /// Of attempts that train or use a motion.
    let motions: [AttemptID: [MotionPlace]]
    /// Of attempts that trained: what each training gave; several where there is one for each clip.
    let trainings: [AttemptID: [Training]]
    /// Of the roots, video by video.
    let scores: [VideoScores]

    /// What is in the store and cannot be read, so that the answer lacks it.
    let unreadable: [String]

    /// Reads what is there; what is gone is left out, and so is what cannot be read, which `unreadable` tells.
    init(_ closure: LineageClosure, engine: Engine) {
        var unreadable: [String] = []
        self.closure = closure
        store = engine.store
        var captions: [Digest: Captions] = [:]
        var moments: [Digest: [FrameMoments]] = [:]
        var motions: [AttemptID: [MotionPlace]] = [:]
        var trainings: [AttemptID: [Training]] = [:]
        for step in closure.steps {
            let attempt = step.attempt
            if attempt.attempt.stage == FrameExtractionLog.stage, let frames = attempt.outputs.first {
                moments[frames.artifact] = FrameMoments.all(inLog: step.log)
            }
            for use in attempt.outputs {
                if use.kind == .captions {
                    captions[use.artifact] = Self.captions(use.artifact, step, closure, engine.store, &unreadable)
                }
                let entries = closure.artifacts[use.artifact]?.manifest.entries ?? []
                for entry in entries where (entry.path as NSString).lastPathComponent == TrainingRecord.fileName {
                    let decoded: TrainingRecord? = Self.decoded(
                        entry.path, of: use.artifact, closure, engine.store, &unreadable)
                    guard let record = decoded else { continue }
                    let part = (entry.path as NSString).deletingLastPathComponent
                    trainings[attempt.id, default: []].append(Training(record, part: part))
                    if motions[attempt.id] == nil {
                        motions[attempt.id] = Self.motions(attempt, prompts: record.prompts, engine)
                    }
                }
            }
            if let prompt = attempt.attempt.element?["prompt"]?.string {
                motions[attempt.id] = Self.motions(attempt, prompts: [prompt], engine)
            }
        }
        self.captions = captions
        self.moments = moments
        self.motions = motions
        self.trainings = trainings
        scores = closure.scores.flatMap { artifact, attempt -> [VideoScores] in
            let decoded: Scores? = Self.decoded(
                Scores.fileName, of: artifact.digest, artifact.manifest, engine.store, &unreadable)
            guard let scores = decoded else { return [] }
            return closure.roots.flatMap { root -> [VideoScores] in
                let lines = closure.artifacts[root]?.manifest.attributes.list ?? []
                return lines.compactMap { line in
                    guard let file = line["file"]?.string,
                        let video = scores.videos.first(where: {
                            $0.prompt == line["prompt"]?.string && $0.seed == line["seed"]?.int
                        })
                    else { return nil }
                    return VideoScores(
                        video: file, values: video.values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
                        by: attempt)
                }
            }
        }
        self.unreadable = unreadable
    }

    private static func decoded<T: Decodable>(
        _ path: String, of artifact: Digest, _ closure: LineageClosure, _ store: ObjectStore,
        _ unreadable: inout [String]
    ) -> T? {
        closure.artifacts[artifact].flatMap { decoded(path, of: artifact, $0.manifest, store, &unreadable) }
    }

    private static func decoded<T: Decodable>(
        _ path: String, of artifact: Digest, _ manifest: Manifest, _ store: ObjectStore, _ unreadable: inout [String]
    ) -> T? {
        guard let entry = manifest.entries.first(where: { $0.path == path }) else { return nil }
        do {
            return try JSONDecoder().decode(T.self, from: store.read(entry.digest))
        } catch StorageError.missing {
            return nil
        } catch {
            unreadable.append("\(path) of artifact \(artifact.short) cannot be read: \(error)")
            return nil
        }
    }

    private static func captions(
        _ artifact: Digest, _ step: LineageClosure.Step, _ closure: LineageClosure, _ store: ObjectStore,
        _ unreadable: inout [String]
    ) -> Captions? {
        let decoded: [Caption]? = decoded(Caption.fileName, of: artifact, closure, store, &unreadable)
        guard let captions = decoded else { return nil }
        let work = step.attempt.attempt
        let origin = closure.artifacts[artifact]?.manifest.attributes
        let place = work.settingPlaces["captions"].map { ", in \($0)" } ?? ""
        let author =
            switch origin?["captioner"]?.string {
            case "hand": "by hand\(place)"
            case "base": "by nobody: the prompts as they are"
            case "model":
                "by the model set's captioner"
                    + (work.models.first { $0.part == ModelPart.captioner.rawValue }.map { ", \($0.digest.short)" }
                        ?? "")
            case "endpoint":
                "by an endpoint's model "
                    + (origin?["models"]?.list?.compactMap(\.string).joined(separator: ", ") ?? "without a name")
            default: "by an unknown captioner"
            }
        let host = step.run.map { " on \($0.run.process.host)" } ?? ""
        return Captions(
            captions: captions.enumerated().map {
                EditedCaption(clip: $0, base: $1.prompt, caption: $1.caption)
            }, author: author, moment: RunsCommand.when(work.started) + host)
    }

    /// Where the motion's word stands in prompts, for stages that strengthen it.
    private static func motions(_ attempt: AttemptRecord, prompts: [String], _ engine: Engine) -> [MotionPlace] {
        let record = attempt.attempt.record
        guard record["settings.motion"] != nil else { return [] }
        let motion = record["settings.motion"]?.string
        let span = record["settings.enhance-span"]?.string.flatMap(MotionWord.Span.init) ?? .verb
        let tokenizer = attempt.attempt.models.first { $0.part == ModelPart.tokenizer.rawValue }
            .flatMap { use -> CLIPTokenizer? in
                let folder = URL(filePath: use.path, directoryHint: .isDirectory)
                guard (try? engine.digest(ofPart: folder)) == use.digest else { return nil }
                return try? ModelSet(name: "", folders: [.tokenizer: folder]).tokenizer()
            }
        var seen: Set<String> = []
        return prompts.filter { seen.insert($0).inserted }.compactMap { prompt in
            guard let word = try? MotionWord(in: prompt, motion: motion, span: span) else { return nil }
            let tokens = tokenizer.flatMap { try? $0.motionTokens(of: prompt, motion: motion, span: span) }
            return MotionPlace(prompt: prompt, word: word.text, tokens: tokens)
        }
    }
}

/// What is read back from logs of frame extractions.
private enum FrameExtractionLog {
    static let stage = "frame-extraction"
}

// MARK: In words

extension LineageFacts {
    /// The facts as lines of the tree.
    var annotations: LineageAnnotations {
        var annotations = LineageAnnotations()
        for (artifact, captions) in captions {
            annotations.artifacts[artifact, default: []] += [
                ("captions", "\(captions.author); \(captions.moment)")
            ]
            annotations.artifacts[artifact, default: []] += captions.captions.map { caption in
                (
                    "caption \(caption.clip + 1)",
                    caption.base == caption.caption
                        ? "\"\(caption.base)\", unchanged" : "\"\(caption.difference.text)\""
                )
            }
        }
        for (artifact, moments) in moments {
            annotations.artifacts[artifact, default: []] += moments.map {
                ("clip \($0.clip + 1)", Self.words(of: $0))
            }
        }
        for root in closure.roots {
            let own = scores.filter { score in
                closure.artifacts[root]?.manifest.entries.contains { $0.path == score.video } ?? false
            }
            annotations.artifacts[root, default: []] += own.map { score in
                (
                    "scores of \(score.video)",
                    score.values.map { "\($0.name) \(String(format: "%.4f", $0.value))" }.joined(separator: ", ")
                )
            }
        }
        for step in closure.steps { annotations.attempts[step.attempt.id] = facts(of: step) }
        return annotations
    }

    /// `frames 0 4 8 of its file, shown from 0.000 s to 1.000 s`.
    static func words(of moments: FrameMoments) -> String {
        let indices = moments.indices
        let isRun = indices.count > 2 && zip(indices, indices.dropFirst()).allSatisfy { $1 == $0 + 1 }
        let list =
            isRun ? "\(indices[0])–\(indices[indices.count - 1])" : indices.map(String.init).joined(separator: " ")
        let (first, last) = (moments.times.first ?? 0, moments.times.last ?? 0)
        return String(format: "frames %@ of its file, shown at %.3f s to %.3f s", list, first, last)
    }

    private func facts(of step: LineageClosure.Step) -> [(name: String, value: String)] {
        var facts: [(name: String, value: String)] = []
        let usage = step.attempt.usage
        facts.append(
            (
                "took",
                "\(Readable.duration(usage.wallSeconds)), \(Readable.duration(usage.cpuSeconds)) of processors, "
                    + "\(Readable.bytes(usage.peakMemory)) at the peak; "
                    + (step.isFresh ? "done in this run" : "reused: done in run \(step.attempt.attempt.run)")
            ))
        facts += (trainings[step.attempt.id] ?? []).map { ("training", $0.words) }
        facts += step.trained.map { ("trained", Self.words(of: $0, in: step.attempt.id)) }
        facts += (motions[step.attempt.id] ?? []).map { place in
            (
                "motion",
                "\"\(place.word)\" in \"\(place.prompt)\""
                    + (place.tokens.map { ", \(Self.words(of: $0))" } ?? ", tokens unknown: the tokenizer is gone")
            )
        }
        facts += step.unsuccessful.map { ("also tried", Self.words(of: $0, besides: step.attempt)) }
        return facts
    }

    static func words(of tokens: Range<Int>) -> String {
        tokens.count == 1 ? "token \(tokens.lowerBound)" : "tokens \(tokens.lowerBound)–\(tokens.upperBound - 1)"
    }

    static func words(of segment: LineageClosure.Segment, in attempt: AttemptID) -> String {
        let part = segment.part.isEmpty ? "" : "\(segment.part), "
        let steps = "\(part)steps \(segment.first)–\(segment.last.map(String.init) ?? "end")"
        guard segment.attempt != attempt else { return "\(steps) by this attempt" }
        return "\(steps) by attempt \(segment.attempt)"
            + (segment.outcome.map { ", which \($0 == .succeeded ? "succeeded" : "was \($0.rawValue)")" } ?? "")
            + (segment.run.map { " in run \($0)" } ?? "")
    }

    static func words(of other: AttemptRecord, besides attempt: AttemptRecord) -> String {
        "attempt \(other.id) \(other.outcome == .failed ? "failed" : "was \(other.outcome.rawValue)")"
            + " after \(Readable.duration(other.usage.wallSeconds)), "
            + (other.key == attempt.key ? "the same work" : "with other settings or inputs")
            + (other.error.map { ": \($0.prefix { !$0.isNewline })" } ?? "")
    }
}
