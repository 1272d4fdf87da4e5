public import Autograd
public import Tensors

extension Variable {
    /// Every row of [n, c] divided by its length.
    public func normalisedRows() -> Variable {
        let (rows, width) = (shape[0], shape[1])
        return mapped("normalise rows", { normalised($0, rows, width) }) { gradient, x in
            // d(x/|x|) = (g - y·(y·g)) / |x|
            Tensor(x.shape) { slope in
                gradient.read { g in
                    x.read { x in
                        for row in 0..<rows {
                            let range = row * width..<(row + 1) * width
                            let inverse = 1 / length(x[range])
                            var along: Float = 0
                            for i in range { along += x[i] * inverse * g[i] }
                            for i in range { slope[i] = (g[i] - x[i] * inverse * along) * inverse }
                        }
                    }
                }
            }
        }
    }
}

private func normalised(_ x: Tensor, _ rows: Int, _ width: Int) -> Tensor {
    Tensor(x.shape) { y in
        x.read { x in
            for row in 0..<rows {
                let range = row * width..<(row + 1) * width
                let inverse = 1 / length(x[range])
                for i in range { y[i] = x[i] * inverse }
            }
        }
    }
}

/// At least 10⁻¹², as torch's `normalize` has it.
private func length(_ row: Slice<UnsafeBufferPointer<Float>>) -> Float {
    var sum: Float = 0
    for value in row { sum += value * value }
    return max(sum.squareRoot(), 1e-12)
}

/// How well cosines between embeddings follow a kernel between what they are of.
///
/// `cosines` and `kernel` [n, n]. Mean over pairs i ≠ j of (cos - K)², plus half of the same weighted by K where K > 0.3
/// (the sum of the weights + 1 below): near pairs are few, and would hardly count. The objective that makes a motion
/// encoder's cosine the likeness of trajectories.
public func kernelAlignment(_ cosines: Variable, kernel: Tensor) -> Variable {
    let n = cosines.shape[0]
    precondition(
        cosines.shape == [n, n] && kernel.shape == [n, n], "cosines \(cosines.shape), kernel \(kernel.shape)")
    return scalar("kernel alignment", of: [cosines]) { values in
        var (all, near, weight) = (0.0, 0.0, 0.0)
        let pairs = Double(max(1, n * (n - 1)))
        let slope = Tensor(cosines.shape) { slope in
            values[0].read { s in
                kernel.read { k in
                    for i in 0..<n {
                        for j in 0..<n where i != j && k[i * n + j] > 0.3 { weight += Double(k[i * n + j]) }
                    }
                    for i in 0..<n {
                        for j in 0..<n {
                            let at = i * n + j
                            guard i != j else {
                                slope[at] = 0
                                continue
                            }
                            let difference = Double(s[at] - k[at])
                            let own = k[at] > 0.3 ? Double(k[at]) : 0
                            all += difference * difference
                            near += own * difference * difference
                            slope[at] = Float(2 * difference * (1 / pairs + 0.5 * own / (weight + 1)))
                        }
                    }
                }
            }
        }
        return (all / pairs + 0.5 * near / (weight + 1), [slope])
    }
}

/// CLIP's objective: images and texts that belong together are near each other, and far from all others.
///
/// `images` and `texts` [n, c] of length 1, `logarithmicScale` a scalar: logits = e^scale · images · textsᵀ. Half the
/// cross-entropy along either axis. `matches` [n, n] is 1 where a text does not contradict an image, else 0: targets are
/// uniform over these. Radford and others 2021.
public func contrastiveLoss(images: Variable, texts: Variable, logarithmicScale: Variable, matches: Tensor) -> Variable
{
    let n = images.shape[0]
    precondition(matches.shape == [n, n], "matches \(matches.shape) for \(n) pairs")
    let cosines = matmul(images, texts, transposeB: true)
    let logits = cosines.multiplied(byExponentialOf: logarithmicScale)
    let byImage = crossEntropy(logits, targets: distributed(matches))
    let byText = crossEntropy(logits.permuted([1, 0]), targets: distributed(Kernels.permute(matches, [1, 0])))
    return (byImage + byText).scaled(by: 0.5)
}

/// Rows divided by their sums.
private func distributed(_ matches: Tensor) -> Tensor {
    let (rows, columns) = (matches.shape[0], matches.shape[1])
    return Tensor(matches.shape) { t in
        matches.read { m in
            for row in 0..<rows {
                var sum: Float = 0
                for i in row * columns..<(row + 1) * columns { sum += m[i] }
                for i in row * columns..<(row + 1) * columns { t[i] = m[i] / max(sum, 1e-12) }
            }
        }
    }
}

extension Variable {
    /// Every element times e^s, s a scalar.
    func multiplied(byExponentialOf logarithm: Variable) -> Variable {
        let factor = logarithm.mapped("exponential", Kernels.exponential) { gradient, x in
            Kernels.multiply(gradient, Kernels.exponential(x))
        }
        let count = value.count
        // As rows of one column, so that a linear layer of one weight does it.
        return linear(reshaped([count, 1]), weight: factor.reshaped([1, 1])).reshaped(shape)
    }
}
