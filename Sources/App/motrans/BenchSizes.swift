import Layers
import Models
import Tensors

/// The built-in networks of `motrans bench`, with random weights.
enum BenchSize: String, CaseIterable, Sendable {
    case tiny
    case small
    /// ZeroScope's network.
    case full

    /// What `config.json` would say.
    var configuration: UNet3DConditionModel.Configuration {
        var configuration = UNet3DConditionModel.Configuration()
        switch self {
        case .tiny: configuration.blockOutChannels = [64, 128, 128]
        case .small: configuration.blockOutChannels = [128, 256, 256]
        case .full: return configuration
        }
        configuration.downBlocksHaveAttention = [true, true, false]
        configuration.upBlocksHaveAttention = [false, true, true]
        configuration.layersPerBlock = self == .tiny ? 1 : 2
        configuration.crossAttentionDimension = 128
        configuration.headDimensions = Array(repeating: self == .tiny ? 32 : 64, count: 3)
        return configuration
    }

    /// Latents of one video, `[f, h, w, c]`.
    var latents: [Int] {
        switch self {
        case .tiny: [8, 16, 16, 4]
        case .small: [8, 32, 32, 4]
        case .full: [8, 24, 40, 4]
        }
    }

    /// Text of one prompt, `[L, D]`.
    var text: [Int] { [77, configuration.crossAttentionDimension] }

    /// How often a workload is repeated unless told; the large ones are long enough to be steady.
    func repetitions(of workload: BenchWorkload) -> Int {
        switch self {
        case .tiny: workload == .sampling ? 3 : 5
        case .small: workload == .sampling ? 1 : 3
        case .full: 1
        }
    }

    /// Whether a training step keeps only the inputs of layers: all of its activations fill a small machine.
    var needsCheckpointing: Bool { self == .full }

    /// Operations of one forward of two videos, in units of 10⁹: what the reference does, counted by PyTorch's
    /// `FlopCounterMode` (two for a multiplication and its addition).
    private var forwardGigaflop: Double {
        switch self {
        case .tiny: 32.4
        case .small: 720.0
        case .full: 4575.2
        }
    }

    /// The same of one training step of one video with a LoRA of rank 32, without recomputation.
    private var trainingGigaflop: Double {
        switch self {
        case .tiny: 40.7
        case .small: 834
        case .full: 4822
        }
    }

    /// The operations of a workload, where they are known.
    func gigaflop(of workload: BenchWorkload, steps: Int, rank: Int) -> Double? {
        switch workload {
        case .forward, .guidedStep: forwardGigaflop
        case .trainingStep: rank == 32 ? trainingGigaflop : nil
        case .sampling: Double(steps) * forwardGigaflop
        }
    }

    /// The network with random weights; the same ones every time.
    func network(_ precision: Precision) throws -> UNet3DConditionModel {
        try UNet3DConditionModel(configuration, Weights(RandomWeights(seed: 0), precision: precision))
    }
}
