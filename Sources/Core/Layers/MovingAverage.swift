public import Autograd
public import Tensors

/// The exponential moving average of parameters in training: what is kept of them in the end.
///
/// After step k (from 0): average ← average + (1 - d)·(value - average), d = min(decay, (1 + k)/(10 + k)), so that the
/// first steps are forgotten.
public struct MovingAverage: Sendable {
    /// How much is kept of the average in each step, once it has begun.
    public let decay: Float
    /// The averages, in the order of the parameters.
    public private(set) var values: [Tensor]
    /// Steps done.
    public private(set) var step = 0

    /// An average that begins with the parameters as they are.
    public init(of parameters: [Variable], decay: Float) {
        self.decay = decay
        values = parameters.map(\.value)
    }

    /// An average as a checkpoint has it.
    public init(values: [Tensor], step: Int, decay: Float) {
        self.values = values
        self.step = step
        self.decay = decay
    }

    /// Takes in the parameters after a step; they are the same, in the same order, at every step.
    public mutating func update(with parameters: [Variable]) {
        precondition(parameters.count == values.count, "\(parameters.count) parameters, \(values.count) averages")
        let share = 1 - min(decay, Float(1 + step) / Float(10 + step))
        for (index, parameter) in parameters.enumerated() {
            let value = parameter.value
            let block = 1 << 16
            values[index].write { average in
                value.read { value in
                    ThreadPool.shared.parallel((value.count + block - 1) / block) { chunk in
                        for i in chunk * block..<min((chunk + 1) * block, value.count) {
                            average[i] += share * (value[i] - average[i])
                        }
                    }
                }
            }
        }
        step += 1
    }
}
