public import Autograd
public import Tensors

/// Mean over all elements of |prediction - target|; its slope at 0 is 0.
public func meanAbsoluteError(_ prediction: Variable, _ target: Tensor) -> Variable {
    elementwiseLoss("mean absolute error", prediction, target) { x, t in
        (abs(x - t), x == t ? 0 : x > t ? 1 : -1)
    }
}

/// Mean over all elements of d²/2β where |d| < β, else |d| - β/2: torch's `smooth_l1_loss`.
public func smoothL1(_ prediction: Variable, _ target: Tensor, beta: Float) -> Variable {
    elementwiseLoss("smooth L1", prediction, target) { x, t in
        let difference = x - t
        let size = abs(difference)
        return size < beta
            ? (0.5 * size * size / beta, difference / beta) : (size - 0.5 * beta, difference > 0 ? 1 : -1)
    }
}

/// Σ w·(prediction - target)² / Σ w, the weights of the same shape.
public func weightedSquaredError(_ prediction: Variable, _ target: Tensor, weights: Tensor) -> Variable {
    precondition(
        prediction.shape == target.shape && weights.shape == target.shape,
        "weighted squares of \(prediction.shape), \(target.shape), \(weights.shape)")
    return scalar("weighted squared error", of: [prediction]) { values in
        let total = max(weights.read { $0.reduce(0.0) { $0 + Double($1) } }, 1e-12)
        var sum = 0.0
        let slope = Tensor(target.shape) { slope in
            values[0].read { x in
                target.read { t in
                    weights.read { w in
                        for i in t.indices {
                            let difference = x[i] - t[i]
                            sum += Double(w[i] * difference * difference)
                            slope[i] = 2 * w[i] * difference / Float(total)
                        }
                    }
                }
            }
        }
        return (sum / total, [slope])
    }
}
