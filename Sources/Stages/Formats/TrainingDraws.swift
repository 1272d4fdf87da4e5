public import Tensors

/// The random choices of a training: each step has a generator of its own, so the numbers of step k do not depend on how
/// many steps there are.
public struct TrainingDraws: Sendable {
    private let root: Generator

    /// The draws that belong to a seed and a purpose.
    public init(seed: Int, purpose: String) { root = Generator(seed: UInt64(bitPattern: Int64(seed))).split(purpose) }

    /// A generator for one purpose.
    public func generator(_ purpose: String) -> Generator { root.split(purpose) }

    /// The generator of a step.
    public func step(_ step: Int) -> Generator { root.split("step \(step)") }

    /// Which of `count` clips a step looks at: every clip once in each epoch, in an order of the epoch's own.
    public func clip(at step: Int, of count: Int) -> Int {
        var generator = root.split("epoch \(step / count)")
        var order = Array(0..<count)
        for i in order.indices.dropLast() { order.swapAt(i, i + generator.integer(below: count - i)) }
        return order[step % count]
    }
}

extension Generator {
    /// True with a probability; draws nothing where that is 0.
    public mutating func chance(_ probability: Double) -> Bool {
        guard probability > 0 else { return false }
        return Double(uniform([1]).scalar) < probability
    }

    /// Noise for latents `[1, f, h, w, c]`; `offset` times one number per channel is added (offset noise).
    public mutating func latentNoise(_ shape: [Int], offset: Double) -> Tensor {
        var noise = normal(shape)
        guard offset > 0, let channels = shape.last else { return noise }
        let shifts = normal([channels]).values
        noise.write { for i in $0.indices { $0[i] += Float(offset) * shifts[i % channels] } }
        return noise
    }
}
