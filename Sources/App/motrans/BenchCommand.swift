import ArgumentParser
import Checkpoints
import Foundation
import Models
import Tensors
import Tracing

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "How fast this machine is, on built-in networks or on a model folder.",
        discussion: """
            Without a folder: denoising networks of three sizes with random weights. tiny (10.7 M parameters, 8 frames of
            16x16 latents) and small (60.7 M, 32x32) unless told; full is ZeroScope's (1.41 G, 40x24), takes some 10 GB
            and many minutes.

            With a folder and --inputs: that model on tensors of the reference class's names and layouts, as `motrans
            forward` takes them.

            Workloads: forward is one pass, of the built-in networks on two videos. guided-step is one pass for one video
            under two texts, as guidance needs; what comes before the first look at the text is computed once. training-step is
            one video, the mean squared error of the predicted noise, gradients and AdamW for a LoRA on attn1 and ff of
            the spatial and attn1, attn2 and ff of the temporal transformers, transformer_in among them, whose factors
            follow from their names. sampling is DDIM with guidance, one video. The GFLOP/s of it and of
            guided-step count what the reference would do, which computes the part before the text twice. These three are
            of UNet folders; they need the inputs sample (noisy latents, [b, c, f, h, w]) and encoder_hidden_states (under
            guidance [2, L, D]: negative, prompt), guided-step and training-step also timestep, training-step also noise
            (what is to be predicted).

            Peak memory is the largest resident memory from the end of loading on. One warm-up is not counted. Take the
            minimum on a machine that does other things.

            \(ExitStatus.help)
            """)

    @Argument(help: "A folder with a config.json and its weights; none for the built-in networks.") var folder: String?
    @Option(help: ArgumentHelp("The folder's input tensors.", valueName: "in.safetensors")) var inputs: String?
    @Option(
        help: ArgumentHelp(
            "Where the folder's results go: what the last repetition gave, of a training step its first gradients.",
            valueName: "out.safetensors"))
    var outputs: String?
    @Option(help: "forward, guided-step, training-step or sampling; of built-in networks all, unless told.")
    var workload: [BenchWorkload] = []
    @Option(help: "tiny, small or full; several times for several.") var size: [BenchSize] = []
    @Flag(help: "The built-in size tiny alone.") var quick = false
    @Option(name: .customLong("repeat"), help: "How often; 5 for a folder, fewer for large built-in networks.")
    var repetitions: Int?
    @Option(help: "float32, fp16 or bf16.", transform: Self.precision) var precision = Precision.float32
    @Option(help: "The LoRA's rank.") var rank = 32
    @Flag(
        help: "Keep only the inputs of layers for the backward pass; full always does.") var checkpointing = false
    @Option(help: "DDIM steps.") var steps = 8
    @Option(help: "Guidance scale, above 1.") var guidance: Float = 9
    @Option(help: "Threads; all cores unless told.") var threads: Int?
    @Option(
        help: ArgumentHelp(
            "A trace of the operations of each workload's first repetition; `motrans trace` sums it up. It costs a little time.",
            valueName: "trace.json"))
    var trace: String?
    @Flag(help: "The kernels one by one, beside what the machine can do at most.") var kernels = false
    @Flag(help: "With --kernels: the table as Markdown.") var md = false
    @Flag(help: "One JSON document.") var json = false

    func validate() throws {
        for (name, value) in [("--repeat", repetitions ?? 1), ("--rank", rank), ("--threads", threads ?? 1)]
        where value < 1 { throw ValidationError("\(name) is a number from 1 on, not \(value)") }
        guard (1...1000).contains(steps) else {
            throw ValidationError("--steps is a number from 1 to 1000, the timesteps that there are, not \(steps)")
        }
        guard (threads ?? 1) <= 1024 else {
            throw ValidationError("--threads is at most 1024, not \(threads ?? 1)")
        }
        if let inputs, let outputs,
            URL(filePath: inputs).standardizedFileURL == URL(filePath: outputs).standardizedFileURL
        {
            throw ValidationError("--outputs would overwrite the inputs: name another file")
        }
        guard guidance > 1, guidance.isFinite else {
            throw ValidationError("--guidance is a number above 1, not \(guidance)")
        }
        let isPlain = folder == nil && inputs == nil && size.isEmpty && workload.isEmpty && !quick && trace == nil
        guard !kernels || (isPlain && !checkpointing) else {
            throw ValidationError("--kernels goes with --repeat, --precision, --threads, --md and --json alone")
        }
        guard kernels || !md else { throw ValidationError("--md is of --kernels") }
        if folder == nil {
            guard inputs == nil, outputs == nil else {
                throw ValidationError("--inputs and --outputs are of a model folder: name one")
            }
            guard !quick || size.allSatisfy({ $0 == .tiny }) else {
                throw ValidationError("--quick is the size tiny alone: leave out --quick or --size")
            }
        } else {
            guard inputs != nil else {
                throw ValidationError("a model folder runs on given tensors: add --inputs FILE.safetensors")
            }
            guard size.isEmpty, !quick else {
                throw ValidationError("--size and --quick are of the built-in networks: leave them out, or the folder")
            }
            guard workload.count < 2 else { throw ValidationError("a model folder has one --workload at a time") }
        }
    }

    func run() throws {
        if let threads { ThreadPool.setWidth(threads) }
        guard !kernels else {
            Console().note("measuring the ceilings and \(precision.rawValue) kernels: some seconds")
            let ceilings = Ceilings.measured()
            let rows = KernelBench(precision: precision, repetitions: repetitions ?? 7).rows()
            let report = KernelReport(precision: precision, ceilings: ceilings, rows: rows)
            return Console().result(json ? report.document : report.text(markdown: md))
        }
        let recorder = try trace.map { try TraceRecorder(to: $0, name: "motrans bench", unitLimit: 1) }
        recorder?.follow("bench")
        Trace.record(to: recorder)
        // Also of a bench that ends early: a trace without its end can be read.
        defer { Trace.record(to: nil) }
        let measurements: [Measurement]
        do {
            measurements =
                if let folder, let inputs { [try measure(folder, inputs)] } else { try builtIn.flatMap(measure) }
        } catch let error as any Error & CustomStringConvertible where Failure.status(of: error) == nil {
            throw CommandFailure(status: .usage, message: "\(error)")
        }
        Trace.record(to: nil)
        do { _ = try recorder?.close() } catch { Console().note("warning: \(error); what is there can be read") }
        let report = BenchReport(precision: precision, measurements: measurements)
        Console().result(json ? report.document : report.text)
    }

    private var builtIn: [BenchSize] { quick ? [.tiny] : size.isEmpty ? [.tiny, .small] : size }

    private func settings(checkpointing: Bool) -> Bench.Settings {
        Bench.Settings(
            precision: precision, rank: rank, checkpointing: checkpointing, steps: steps, guidance: guidance)
    }

    private static func precision(_ name: String) throws -> Precision {
        guard let precision = Precision(rawValue: name) else {
            let known = Precision.allCases.map(\.rawValue).joined(separator: " or ")
            throw ValidationError("a precision is \(known), not '\(name)'")
        }
        return precision
    }

    /// All workloads of a built-in size.
    private func measure(_ size: BenchSize) throws -> [Measurement] {
        Console().note("\(size.rawValue): making random weights")
        let bench = Bench(size.rawValue, settings(checkpointing: checkpointing || size.needsCheckpointing))
        let unet = try size.network(precision)
        return try (workload.isEmpty ? BenchWorkload.allCases : workload).map { workload in
            let repetitions = repetitions ?? size.repetitions(of: workload)
            let (videos, texts) = (workload == .forward ? 2 : 1, workload == .trainingStep ? 1 : 2)
            let inputs = BenchInputs(
                random: [videos] + size.latents, context: [texts] + size.text, isTraining: workload == .trainingStep)
            var measurement =
                switch workload {
                case .forward: bench.forward(unet, inputs, repetitions: repetitions)
                case .guidedStep: bench.guidedStep(unet, inputs, repetitions: repetitions).measurement
                case .trainingStep: try bench.trainingStep(unet, inputs, repetitions: repetitions)
                case .sampling: try bench.sampling(unet, inputs, repetitions: repetitions).measurement
                }
            measurement.gigaflop = size.gigaflop(of: workload, steps: steps, rank: rank)
            return measurement
        }
    }

    /// One workload of a model folder.
    private func measure(_ folder: String, _ inputs: String) throws -> Measurement {
        let arrays = try NumericArray.all(of: URL(filePath: inputs))
        let model = try ModelFolder(URL(filePath: folder, directoryHint: .isDirectory))
        let bench = Bench(folder, settings(checkpointing: checkpointing))
        let workload = workload.first ?? .forward
        let repetitions = repetitions ?? 5
        guard workload != .forward else {
            let (measurement, tensors) = try bench.forward(
                model.load(precision: precision), parameters: model.parameterCount(), arrays, repetitions: repetitions)
            try write(tensors)
            return measurement
        }
        guard model.modelClass == .unet3DConditionModel else {
            throw CommandFailure(
                status: .usage,
                message:
                    "\(workload.rawValue) is of UNet3DConditionModel; \(folder) holds \(model.modelClass.rawValue)",
                help: "leave out --workload for its forward")
        }
        let unet = try UNet3DConditionModel(folder: model.url, precision: precision)
        let given = try BenchInputs(arrays, for: workload, unet)
        if workload == .trainingStep {
            return try bench.trainingStep(unet, given, repetitions: repetitions, onFirstGradients: write)
        }
        let (measurement, latents) =
            workload == .guidedStep
            ? bench.guidedStep(unet, given, repetitions: repetitions)
            : try bench.sampling(unet, given, repetitions: repetitions)
        try write(["sample": Kernels.permute(latents, [0, 4, 1, 2, 3])])
        return measurement
    }

    private func write(_ tensors: [String: Tensor]) throws {
        guard let outputs else { return }
        try SafetensorsFile.write(tensors, to: URL(filePath: outputs))
        Console().note("\(tensors.count) \(tensors.count == 1 ? "tensor" : "tensors") → \(outputs)")
    }
}

extension BenchWorkload: ExpressibleByArgument {}
extension BenchSize: ExpressibleByArgument {}
