public import Tensors
import Tracing

/// Root-mean-square normalisation over the last axis: x / √(mean(x²) + ε) · weight.
///
/// `x` [.., c], `weight` [c].
public func rmsNorm(_ x: Variable, weight: Variable, epsilon: Float) -> Variable {
    let (y, rstd) = Trace.operation("RMS norm", [x.shape]) {
        Kernels.rmsNorm(x.value, weight: weight.value, epsilon: epsilon)
    }
    guard let parents = recorded([x, weight]) else { return Variable(y) }
    let (input, scale) = (x.value, weight.value)
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        let (dx, dweight) = Trace.operation("RMS norm backward", [input.shape]) {
            Kernels.rmsNormBackward(gradient, x: input, weight: scale, rstd: rstd, needsWeight: needs[1])
        }
        return [needs[0] ? dx : nil, dweight]
    }
}

/// Rotary position embedding: the channels of each head turned in pairs (i, i + d/2), by an angle for each position.
///
/// `x` [n, L, heads · d], `cosines` and `sines` [L, d/2]; see ``Kernels/rotate(_:cosines:sines:heads:inverse:)``.
public func rotated(_ x: Variable, cosines: Tensor, sines: Tensor, heads: Int) -> Variable {
    let y = Trace.operation("rotate", [x.shape]) {
        Kernels.rotate(x.value, cosines: cosines, sines: sines, heads: heads)
    }
    guard let parent = recorded(x) else { return Variable(y) }
    return Variable(y, parent: parent) { gradient in
        Trace.operation("rotate backward", [gradient.shape]) {
            Kernels.rotate(gradient, cosines: cosines, sines: sines, heads: heads, inverse: true)
        }
    }
}

/// The mean of −log softmax(row)[target] over the rows of `logits` [n, v] that have a target: a scalar.
///
/// A nil target takes its row out of the mean, as torch's `ignore_index` does; at least one row has to have one.
public func crossEntropy(_ logits: Variable, targets: [Int?]) -> Variable {
    precondition(targets.contains { $0 != nil }, "cross-entropy of \(targets.count) rows without a target")
    let (loss, logSums) = Trace.operation("cross-entropy", [logits.shape]) {
        Kernels.crossEntropy(logits.value, targets: targets)
    }
    guard let parent = recorded(logits) else { return Variable(Tensor(loss)) }
    let saved = logits.value
    return Variable(Tensor(loss), parent: parent) { gradient in
        Trace.operation("cross-entropy backward", [saved.shape]) {
            Kernels.crossEntropyBackward(gradient.scalar, logits: saved, targets: targets, logSums: logSums)
        }
    }
}
