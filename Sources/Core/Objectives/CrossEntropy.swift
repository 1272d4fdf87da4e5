public import Autograd
import Foundation
public import Tensors

/// Mean over rows of -Σ target · log softmax(logits).
///
/// `logits` [n, c]; `targets` [n, c], each row a distribution. A row counts `weights[i]` times (once without): the sum is
/// divided by the sum of the weights.
public func crossEntropy(_ logits: Variable, targets: Tensor, weights: [Float]? = nil) -> Variable {
    let (rows, classes) = (logits.shape[0], logits.shape[1])
    precondition(targets.shape == logits.shape, "targets \(targets.shape) for logits \(logits.shape)")
    let weights = weights ?? Array(repeating: 1, count: rows)
    precondition(weights.count == rows, "\(weights.count) weights for \(rows) rows")
    let total = max(Double(weights.reduce(0, +)), 1e-12)
    return scalar("cross-entropy", of: [logits]) { values in
        var sum = 0.0
        let slope = Tensor(logits.shape) { slope in
            values[0].read { x in
                targets.read { t in
                    for row in 0..<rows {
                        let start = row * classes
                        var peak = -Float.infinity
                        for i in start..<start + classes { peak = max(peak, x[i]) }
                        var mass = 0.0
                        for i in start..<start + classes { mass += exp(Double(x[i] - peak)) }
                        let logMass = log(mass) + Double(peak)
                        let share = Double(weights[row]) / total
                        var held = 0.0
                        for i in start..<start + classes { held += Double(t[i]) }
                        for i in start..<start + classes {
                            let logProbability = Double(x[i]) - logMass
                            if t[i] != 0 { sum -= share * Double(t[i]) * logProbability }
                            slope[i] = Float(share * (held * exp(logProbability) - Double(t[i])))
                        }
                    }
                }
            }
        }
        return (sum, [slope])
    }
}

/// The cross-entropy of rows that each belong to one class; `logits` [n, c].
public func crossEntropy(_ logits: Variable, classes: [Int], weights: [Float]? = nil) -> Variable {
    let count = logits.shape[1]
    precondition(classes.count == logits.shape[0], "\(classes.count) classes for logits \(logits.shape)")
    let targets = Tensor(logits.shape) { t in
        t.update(repeating: 0)
        for (row, index) in classes.enumerated() {
            precondition((0..<count).contains(index), "class \(index) of \(count)")
            t[row * count + index] = 1
        }
    }
    return crossEntropy(logits, targets: targets, weights: weights)
}

/// Mean over all elements of the cross-entropy between sigmoid(logits) and targets in [0, 1].
public func binaryCrossEntropy(_ logits: Variable, targets: Tensor) -> Variable {
    elementwiseLoss("binary cross-entropy", logits, targets) { x, t in
        // log(1 + e^-|x|) never overflows.
        let value = max(x, 0) - x * t + log1p(exp(-abs(x)))
        return (value, 1 / (1 + exp(-x)) - t)
    }
}

/// Mean over all elements of a function of a prediction and its target, which gives its value and its slope.
func elementwiseLoss(
    _ name: String, _ prediction: Variable, _ target: Tensor, _ function: (Float, Float) -> (Float, Float)
) -> Variable {
    precondition(prediction.shape == target.shape, "\(name) of \(prediction.shape) and \(target.shape)")
    let share = 1 / Float(max(1, target.count))
    return scalar(name, of: [prediction]) { values in
        var sum = 0.0
        let slope = Tensor(target.shape) { slope in
            values[0].read { x in
                target.read { t in
                    for i in t.indices {
                        let (value, derivative) = function(x[i], t[i])
                        sum += Double(value)
                        slope[i] = derivative * share
                    }
                }
            }
        }
        return (sum * Double(share), [slope])
    }
}
