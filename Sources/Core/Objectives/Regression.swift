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
