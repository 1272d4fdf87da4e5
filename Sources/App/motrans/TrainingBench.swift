import Autograd
import Diffusion
import Layers
import Models
import Tensors

/// Training steps of a LoRA on a frozen UNet: mean squared error of the predicted noise, its gradients, AdamW.
///
/// The LoRA acts on the linear layers that MoTrans trains in its two stages together: `attn1` and `ff` of the spatial
/// transformers, `attn1`, `attn2` and `ff` of the temporal ones. Its factors follow from their names
/// (`ReferenceFill`), so that another program can build the same one and compare loss and gradients.
struct TrainingBench {
    let lora: LoRA
    private let unet: UNet3DConditionModel
    private let inputs: BenchInputs
    private let target: Tensor
    private let checkpointing: Bool
    private var optimiser = AdamW()
    private(set) var forward = Timings()
    private(set) var backward = Timings()
    private(set) var update = Timings()

    init(_ unet: UNet3DConditionModel, _ inputs: BenchInputs, rank: Int, checkpointing: Bool) throws {
        guard let target = inputs.noise else { preconditionFailure("a training step predicts noise: none was given") }
        self.unet = unet
        self.inputs = inputs
        self.target = target
        self.checkpointing = checkpointing
        let sites = unet.weights.linears.filter {
            LoRATargets.spatial.contains($0.path) || LoRATargets.temporal.contains($0.path)
        }
        lora = try LoRA(targets: sites, rank: rank, from: ReferenceFill(), trainable: true)
    }

    /// One step.
    ///
    /// - Returns: the loss, and the gradients in the order of the LoRA's variables.
    mutating func step() -> (loss: Double, gradients: [Tensor]) {
        let loss = forward.measure {
            DenoisingLoss.plain(
                unet(
                    sample: Variable(inputs.sample), timestep: inputs.timestep, context: Variable(inputs.context),
                    adapters: Adapters(lora), checkpointing: checkpointing),
                Variable(target))
        }
        let found = backward.measure { gradients(of: loss, for: lora.variables) }
        update.measure { optimiser.step(lora.variables, found) }
        return (Double(loss.value.scalar), found)
    }

    /// Forgets the times so far: they were those of the warm-up.
    mutating func restartTimings() { (forward, backward, update) = (Timings(), Timings(), Timings()) }

    /// What each part of a step took.
    var phases: [(name: String, timings: Timings)] {
        [("forward", forward), ("backward", backward), ("optimiser", update)]
    }
}
