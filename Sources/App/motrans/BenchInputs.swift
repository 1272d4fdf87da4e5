import Autograd
import Models
import Tensors

/// The tensors that the workloads of a UNet work on, channels last.
struct BenchInputs {
    /// Noisy latents, `[b, f, h, w, c]`.
    let sample: Tensor
    let timestep: [Int]
    /// Text, `[b, L, D]`; under guidance `[2, L, D]`: negative, prompt.
    let context: Tensor
    /// What a training step is to predict, of the shape of `sample`.
    let noise: Tensor?

    /// Random tensors of standard deviation 1.
    ///
    /// - Parameter sample: `[b, f, h, w, c]`.
    init(random sample: [Int], context: [Int], isTraining: Bool = false) {
        var generator = Generator(seed: 0).split("bench")
        self.sample = generator.normal(sample)
        timestep = [500]
        self.context = generator.normal(context)
        noise = isTraining ? generator.normal(sample) : nil
    }

    /// The tensors of a file, as the reference class lays them out.
    ///
    /// Throws `ModelsError` for what is missing or does not fit the network.
    init(_ arrays: [String: NumericArray], for workload: BenchWorkload, _ unet: UNet3DConditionModel) throws {
        let name = "UNet3DConditionModel"
        func array(_ input: String) throws -> NumericArray {
            guard let array = arrays[input] else {
                throw ModelsError.missingInput(
                    name: input, model: "\(workload.rawValue) of \(name)", given: arrays.keys.sorted())
            }
            return array
        }
        func tensor(_ input: String, _ expected: String, fits: ([Int]) -> Bool) throws -> Tensor {
            let array = try array(input)
            guard fits(array.shape), !array.shape.contains(0) else {
                throw ModelsError.badInput(
                    name: input, model: name, expected: "\(expected) for \(workload.rawValue)",
                    found: "\(array.shape)")
            }
            return array.tensor
        }
        let (c, d) = (unet.configuration.inChannels, unet.configuration.crossAttentionDimension)
        let isGuided = workload == .sampling || workload == .guidedStep
        let batch = isGuided ? "1" : "b"
        let sample = try tensor("sample", "[\(batch), \(c), f, h, w]") {
            $0.count == 5 && $0[1] == c && (!isGuided || $0[0] == 1)
        }
        let texts = isGuided ? 2 : sample.shape[0]
        context = try tensor("encoder_hidden_states", "[\(texts), L, \(d)]") {
            $0.count == 3 && $0[0] == texts && $0[2] == d
        }
        self.sample = Self.channelsLast(sample)
        guard workload != .sampling else {
            (timestep, noise) = ([], nil)
            return
        }
        noise =
            workload == .trainingStep
            ? Self.channelsLast(try tensor("noise", "\(sample.shape), as `sample`,") { $0 == sample.shape }) : nil
        let steps = try array("timestep")
        guard let numbers = steps.wholeNumbers, numbers.count == 1 || numbers.count == sample.shape[0] else {
            throw ModelsError.badInput(
                name: "timestep", model: name, expected: "one whole number, or one for each of the batch",
                found: "\(steps.shape)")
        }
        timestep = numbers
    }

    /// [b, c, f, h, w] to [b, f, h, w, c].
    private static func channelsLast(_ x: Tensor) -> Tensor { Kernels.permute(x, [0, 2, 3, 4, 1]) }
}
