public import Tensors

extension DDIMScheduler {
    /// `motrans forward` on a scheduler folder: runs the loop over a network's recorded outputs.
    ///
    /// - Parameters:
    ///   - inputs: `sample` of any shape, and `noise_estimates` `[n, ...sample's shape]`, one per timestep in order; n is
    ///     the number of inference steps.
    /// - Returns: `sample` after the last step, and `timesteps` `[n]`.
    /// Throws `DiffusionError.badInput` for a missing or misshapen tensor, `.badStepCount` for an impossible n.
    public func forward(_ inputs: [String: Tensor]) throws -> [String: Tensor] {
        guard var sample = inputs["sample"] else {
            throw DiffusionError.badInput(name: "sample", why: "is missing: a scheduler steps from it")
        }
        guard let estimates = inputs["noise_estimates"] else {
            throw DiffusionError.badInput(name: "noise_estimates", why: "is missing: one per timestep, in order")
        }
        guard let steps = estimates.shape.first, steps > 0, Array(estimates.shape.dropFirst()) == sample.shape else {
            throw DiffusionError.badInput(
                name: "noise_estimates",
                why: "is \(estimates.shape), not [n] and then the shape of sample, \(sample.shape)")
        }
        let timesteps = try timesteps(steps)
        let size = sample.count
        for (index, timestep) in timesteps.enumerated() {
            let output = Tensor(sample.shape, estimates.read { Array($0[index * size..<(index + 1) * size]) })
            sample = step(sample, output: output, at: timestep, steps: steps)
        }
        return ["sample": sample, "timesteps": Tensor([steps], timesteps.map { Float($0) })]
    }
}
