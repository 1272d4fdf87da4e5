internal import CKernels

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

// What decoders of text need beside the rest: root-mean-square norms, rotated pairs of channels, cross-entropy.

extension Kernels {
    /// y = x · rstd · weight over the last axis, rstd = 1 / √(mean(x²) + ε); weight [c] → y and rstd [rows].
    public static func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> (y: Tensor, rstd: Tensor) {
        let (rows, c) = (x.rowCount, x.lastAxis)
        precondition(weight.shape == [c], "RMS norm of \(x.shape) by \(weight.shape)")
        let y = Tensor(uninitialised: x.shape)
        let rstd = Tensor(uninitialised: [rows])
        withExtendedLifetime((x, weight)) {
            let (from, scales, to, rstds) = (x.base, weight.base, y.base, rstd.base)
            forPieces(of: rows, size: rowsPerChunk(width: c, elements: heavyChunk)) {
                for row in $0 {
                    let (source, target) = (from + row * c, to + row * c)
                    let square = ck.dot(source, source, c) / Double(c)
                    rstds[row] = Float(1 / (square + Double(epsilon)).squareRoot())
                    ck.scale(source, rstds[row], target, c)
                    ck.multiply(target, scales, target, c)
                }
            }
        }
        return (y, rstd)
    }

    /// The gradients of `rmsNorm`; dweight [c] is nil unless `needsWeight`.
    public static func rmsNormBackward(
        _ dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor, needsWeight: Bool = true
    ) -> (dx: Tensor, dweight: Tensor?) {
        let (rows, c) = (x.rowCount, x.lastAxis)
        precondition(
            dy.shape == x.shape && rstd.count == rows && weight.shape == [c],
            "gradient \(dy.shape), rstd \(rstd.shape), weight \(weight.shape) of a normalised \(x.shape)")
        let dx = Tensor(uninitialised: x.shape)
        // dweight is the sum of dy · x · rstd over rows.
        let products = needsWeight ? Tensor(uninitialised: [rows, c]) : nil
        withExtendedLifetime((dy, x, weight, rstd)) {
            let (gradient, from, scales, rstds, to) = (dy.base, x.base, weight.base, rstd.base, dx.base)
            let sums = products?.base
            forPieces(of: rows, size: rowsPerChunk(width: c, elements: heavyChunk)) {
                for row in $0 {
                    let (dy, source, target, s) = (gradient + row * c, from + row * c, to + row * c, rstds[row])
                    if let product = sums.map({ sums in sums + row * c }) {
                        ck.multiply(dy, source, product, c)
                        ck.scale(product, s, product, c)
                    }
                    // dx = rstd · (dy·w − x · rstd² · mean(dy·w·x)).
                    ck.multiply(dy, scales, target, c)
                    let mean = ck.dot(target, source, c) / Double(c)
                    ck.scale(target, s, target, c)
                    ck.axpy(Float(-Double(s) * Double(s) * Double(s) * mean), source, target, target, c)
                }
            }
        }
        return (dx, products.map { linearBackwardBias($0) })
    }

    /// Each head's channels turned in pairs, by an angle for each position and pair: x [n, L, heads · d] → the same.
    ///
    /// Channel i < d/2 of a head is paired with channel i + d/2, as transformers' LLaMA has it (not neighbours, as the
    /// paper): a' = a·cos − b·sin, b' = b·cos + a·sin, with cosines and sines [L, d/2]. The inverse turns back; it is
    /// the backward too.
    public static func rotate(_ x: Tensor, cosines: Tensor, sines: Tensor, heads: Int, inverse: Bool = false) -> Tensor
    {
        let half = cosines.lastAxis
        precondition(
            x.rank == 3 && x.lastAxis == heads * 2 * half && cosines.shape == [x.shape[1], half]
                && sines.shape == cosines.shape,
            "rotating \(heads) heads of \(x.shape) by \(cosines.shape) and \(sines.shape)")
        let (length, c) = (x.shape[1], x.lastAxis)
        let y = Tensor(uninitialised: x.shape)
        let sign: Float = inverse ? -1 : 1
        withExtendedLifetime((x, cosines, sines)) {
            let (from, to, cosines, sines) = (x.base, y.base, cosines.base, sines.base)
            forPieces(of: x.rowCount, size: rowsPerChunk(width: c, elements: lightChunk)) {
                for row in $0 {
                    let (cosine, sine) = (cosines + row % length * half, sines + row % length * half)
                    for head in 0..<heads {
                        let a = from + row * c + head * 2 * half
                        let target = to + row * c + head * 2 * half
                        for i in 0..<half {
                            let turn = sign * sine[i]
                            target[i] = a[i] * cosine[i] - a[half + i] * turn
                            target[half + i] = a[half + i] * cosine[i] + a[i] * turn
                        }
                    }
                }
            }
        }
        return y
    }

    /// The mean of −log softmax(row)[target] over the rows of logits [n, v] that have a target → it, and log Σ exp of
    /// each row [n], which the backward takes.
    ///
    /// A row whose target is nil counts for nothing; NaN when no row has one, as torch gives.
    public static func crossEntropy(_ logits: Tensor, targets: [Int?]) -> (loss: Float, logSums: Tensor) {
        let (rows, v) = (logits.rowCount, logits.lastAxis)
        check(logits, targets)
        let logSums = Tensor(zeros: [rows])
        withExtendedLifetime(logits) {
            let (from, to) = (logits.base, logSums.base)
            forPieces(of: rows, size: rowsPerChunk(width: v, elements: heavyChunk)) { range in
                let powers = Storage(count: v)
                withExtendedLifetime(powers) {
                    for row in range where targets[row] != nil {
                        let source = from + row * v
                        var top = source[0]
                        for i in 1..<v where source[i] > top { top = source[i] }
                        for i in 0..<v { powers.base[i] = source[i] - top }
                        ck.exponential(powers.base, powers.base, v)
                        to[row] = top + Float(log(ck.sum(powers.base, v)))
                    }
                }
            }
        }
        let loss = logits.read { logits in
            logSums.read { sums in
                targets.enumerated().reduce(0.0) { total, entry in
                    entry.element.map { total + Double(sums[entry.offset]) - Double(logits[entry.offset * v + $0]) }
                        ?? total
                }
            }
        }
        return (Float(loss / Double(targets.count { $0 != nil })), logSums)
    }

    /// The gradient of `crossEntropy` times `factor`: (softmax − one at the target) / (rows that have a target).
    public static func crossEntropyBackward(
        _ factor: Float, logits: Tensor, targets: [Int?], logSums: Tensor
    ) -> Tensor {
        let (rows, v) = (logits.rowCount, logits.lastAxis)
        check(logits, targets)
        precondition(logSums.shape == [rows], "log sums \(logSums.shape) of \(logits.shape)")
        let slope = factor / Float(max(1, targets.count { $0 != nil }))
        let dx = Tensor(uninitialised: logits.shape)
        withExtendedLifetime((logits, logSums)) {
            let (from, sums, to) = (logits.base, logSums.base, dx.base)
            forPieces(of: rows, size: rowsPerChunk(width: v, elements: heavyChunk)) {
                for row in $0 {
                    let (source, target) = (from + row * v, to + row * v)
                    guard let index = targets[row] else {
                        target.update(repeating: 0, count: v)
                        continue
                    }
                    for i in 0..<v { target[i] = source[i] - sums[row] }
                    ck.exponential(target, target, v)
                    ck.scale(target, slope, target, v)
                    target[index] -= slope
                }
            }
        }
        return dx
    }

    private static func check(_ logits: Tensor, _ targets: [Int?]) {
        let v = logits.lastAxis
        precondition(
            v > 0 && targets.count == logits.rowCount && targets.allSatisfy { $0.map { (0..<v).contains($0) } ?? true },
            "\(targets.count) targets for logits \(logits.shape), each a column or none")
    }
}
