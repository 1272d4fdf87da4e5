internal import CKernels

extension Kernels {
    /// Group normalisation of x [n, .., c], through SiLU if asked; weight, bias [c] → y, mean and rstd [n, groups].
    ///
    /// Each entry of the first axis is normalised over all middle axes and `c / groups` channels, with the biased
    /// variance around the mean. `rstd` is 1 / √(variance + epsilon). x is read twice: means and squares of each block of
    /// rows, which are then put together in order, and the normalised.
    public static func groupNorm(
        _ x: Tensor, groups: Int, weight: Tensor, bias: Tensor, epsilon: Float, silu: Bool = false
    ) -> (y: Tensor, mean: Tensor, rstd: Tensor) {
        let plan = GroupPlan(x, groups: groups, weight: weight, bias: bias)
        let y = Tensor(uninitialised: x.shape)
        let mean = Tensor(uninitialised: [plan.n, groups])
        let rstd = Tensor(uninitialised: [plan.n, groups])
        let c = plan.c
        let partial = Storage(count: 2 * plan.n * plan.blocks * c)
        let spread = Storage(count: 2 * plan.n * c)
        withExtendedLifetime((x, weight, bias, partial, spread)) {
            let (from, to, means, rstds) = (x.base, y.base, mean.base, rstd.base)
            let (scales, shifts) = (weight.base, bias.base)
            let (centres, factors) = (spread.base, spread.base + plan.n * c)
            let (blockMeans, blockSquares) = (partial.base, partial.base + plan.n * plan.blocks * c)
            plan.run([
                (
                    { piece in
                        ck.column_moments(
                            from + plan.start(piece), plan.rows(piece), c, blockMeans + piece * c,
                            blockSquares + piece * c)
                    },
                    { sample in
                        plan.moments(blockMeans, blockSquares, sample) { group, mean, variance in
                            means[sample * groups + group] = Float(mean)
                            rstds[sample * groups + group] = Float(1 / (variance + Double(epsilon)).squareRoot())
                        }
                        plan.spread(means + sample * groups, to: centres + sample * c)
                        plan.spread(rstds + sample * groups, to: factors + sample * c)
                        ck.multiply(factors + sample * c, scales, factors + sample * c, c)
                    }
                ),
                (
                    { piece in
                        let row = plan.sample(piece) * c
                        ck.normalise(
                            from + plan.start(piece), centres + row, factors + row, shifts, to + plan.start(piece),
                            plan.rows(piece), c, silu)
                    }, { _ in }
                ),
            ])
        }
        return (y, mean, rstd)
    }

    /// The gradients of `groupNorm`; dweight and dbias [c] are nil unless `needsParameters`.
    public static func groupNormBackward(
        _ dy: Tensor, x: Tensor, groups: Int, weight: Tensor, bias: Tensor, mean: Tensor, rstd: Tensor,
        silu: Bool = false, needsParameters: Bool = true
    ) -> (dx: Tensor, dweight: Tensor?, dbias: Tensor?) {
        let plan = GroupPlan(x, groups: groups, weight: weight, bias: bias)
        precondition(dy.shape == x.shape, "gradient \(dy.shape) of a normalised \(x.shape)")
        precondition(mean.shape == [plan.n, groups] && rstd.shape == mean.shape, "\(mean.shape), \(rstd.shape)")
        let dx = Tensor(uninitialised: x.shape)
        let c = plan.c
        let partial = Storage(count: 2 * plan.n * plan.blocks * c)
        let spread = Storage(count: 5 * plan.n * c)
        let grouped = Storage(count: 2 * plan.n * groups)
        return withExtendedLifetime((dy, x, weight, bias, mean, rstd, partial, spread, grouped)) {
            let (gradient, from, to, scales, shifts) = (dy.base, x.base, dx.base, weight.base, bias.base)
            let (means, rstds) = (mean.base, rstd.base)
            let size = plan.n * c
            let (centres, factors) = (spread.base, spread.base + size)
            let (spreadRstds, slopes, offsets) = (factors + size, factors + 2 * size, factors + 3 * size)
            let dweights = partial.base
            let dbiases = partial.base + plan.n * plan.blocks * c
            let (groupSlopes, groupOffsets) = (grouped.base, grouped.base + plan.n * groups)
            let prepare = { (sample: Int) in
                let row = sample * c
                plan.spread(means + sample * groups, to: centres + row)
                plan.spread(rstds + sample * groups, to: spreadRstds + row)
                ck.multiply(spreadRstds + row, scales, factors + row, c)
            }
            for sample in 0..<plan.n { prepare(sample) }
            plan.run([
                (
                    { piece in
                        let row = plan.sample(piece) * c
                        (dweights + piece * c).update(repeating: 0, count: c)
                        (dbiases + piece * c).update(repeating: 0, count: c)
                        ck.normalise_backward(
                            gradient + plan.start(piece), from + plan.start(piece), centres + row, spreadRstds + row,
                            factors + row, shifts, silu ? to + plan.start(piece) : nil, dweights + piece * c,
                            dbiases + piece * c, plan.rows(piece), c, silu)
                    },
                    { sample in
                        // dx = rstd · (w dz - mean(w dz) - x̂ mean(w dz x̂)), means over the group.
                        plan.reduce(dweights, sample, times: scales) {
                            let s = Double(rstds[sample * groups + $0])
                            groupSlopes[sample * groups + $0] = Float(-s * s * $1 / plan.population)
                        }
                        plan.reduce(dbiases, sample, times: scales) {
                            let s = Double(rstds[sample * groups + $0])
                            groupOffsets[sample * groups + $0] = Float(-s * $1 / plan.population)
                        }
                        plan.spread(groupSlopes + sample * groups, to: slopes + sample * c)
                        plan.spread(groupOffsets + sample * groups, to: offsets + sample * c)
                    }
                ),
                (
                    { piece in
                        let row = plan.sample(piece) * c
                        let start = plan.start(piece)
                        ck.normalise_backward_apply(
                            silu ? to + start : gradient + start, from + start, centres + row, factors + row,
                            slopes + row, offsets + row, to + start, plan.rows(piece), c)
                    }, { _ in }
                ),
            ])
            guard needsParameters else { return (dx, nil, nil) }
            return (dx, plan.total(dweights), plan.total(dbiases))
        }
    }

    /// Layer normalisation over the last axis; weight, bias [c] or nil → y, mean and rstd [rows].
    public static func layerNorm(
        _ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float
    ) -> (y: Tensor, mean: Tensor, rstd: Tensor) {
        let (rows, c) = (x.rowCount, x.lastAxis)
        for parameter in [weight, bias] {
            if let parameter { precondition(parameter.shape == [c], "layer norm of \(x.shape) by \(parameter.shape)") }
        }
        let y = Tensor(uninitialised: x.shape)
        let mean = Tensor(uninitialised: [rows])
        let rstd = Tensor(uninitialised: [rows])
        withExtendedLifetime((x, weight, bias)) {
            let (from, to, means, rstds) = (x.base, y.base, mean.base, rstd.base)
            let (scales, shifts) = (weight?.base, bias?.base)
            forPieces(of: rows, size: rowsPerChunk(width: c, elements: heavyChunk)) {
                let row = $0.lowerBound
                ck.layer_norm(
                    from + row * c, scales, shifts, epsilon, to + row * c, means + row, rstds + row, $0.count, c)
            }
        }
        return (y, mean, rstd)
    }

    /// The gradients of `layerNorm`; dweight and dbias [c] are nil unless `needsParameters`.
    public static func layerNormBackward(
        _ dy: Tensor, x: Tensor, weight: Tensor?, mean: Tensor, rstd: Tensor, needsParameters: Bool = true
    ) -> (dx: Tensor, dweight: Tensor?, dbias: Tensor?) {
        let (rows, c) = (x.rowCount, x.lastAxis)
        precondition(
            dy.shape == x.shape && mean.count == rows && rstd.count == rows,
            "gradient \(dy.shape), mean \(mean.shape), rstd \(rstd.shape) of a normalised \(x.shape)")
        let dx = Tensor(uninitialised: x.shape)
        let block = rowsPerChunk(width: c, elements: heavyChunk)
        let blocks = (rows + block - 1) / block
        let partial = needsParameters ? Tensor(zeros: [blocks, 2 * c]) : nil
        withExtendedLifetime((dy, x, weight, mean, rstd, partial)) {
            let (gradient, from, to, scales) = (dy.base, x.base, dx.base, weight?.base)
            let (means, rstds, sums) = (mean.base, rstd.base, partial?.base)
            forPieces(of: rows, size: block) {
                let row = $0.lowerBound
                let sum = sums.map { sums in sums + row / block * 2 * c }
                ck.layer_norm_backward(
                    gradient + row * c, from + row * c, scales, means + row, rstds + row, to + row * c, sum,
                    sum.map { sum in sum + c }, $0.count, c)
            }
        }
        guard let partial else { return (dx, nil, nil) }
        let sums = splitChannels(linearBackwardBias(partial), [c, c])
        return (dx, sums[0], sums[1])
    }
}

/// How a group normalisation is cut: each sample into blocks of rows, whose sums per channel are then added in order.
private struct GroupPlan {
    let n: Int
    let s: Int
    let c: Int
    let groups: Int
    let block: Int
    let blocks: Int

    init(_ x: Tensor, groups: Int, weight: Tensor, bias: Tensor) {
        precondition(x.rank >= 2 && groups > 0 && x.lastAxis % groups == 0, "\(groups) groups of \(x.shape)")
        precondition(
            weight.shape == [x.lastAxis] && bias.shape == weight.shape,
            "group norm of \(x.shape) by \(weight.shape) and \(bias.shape)")
        (n, c, self.groups) = (x.firstAxis, x.lastAxis, groups)
        s = n == 0 ? 0 : x.rowCount / n
        block = max(1, min(max(1, s), Kernels.rowsPerChunk(width: c, elements: Kernels.lightChunk)))
        blocks = max(1, (s + block - 1) / block)
    }

    /// Elements of a group.
    var population: Double { Double(max(1, s * (c / groups))) }

    func sample(_ piece: Int) -> Int { piece / blocks }
    func rows(_ piece: Int) -> Int { min(block, s - piece % blocks * block) }
    func start(_ piece: Int) -> Int { (sample(piece) * s + piece % blocks * block) * c }

    /// Runs the passes: each on every piece, then on every sample.
    ///
    /// Many samples that lie in a core's cache are each visited once; of larger ones as many as the last cache holds take
    /// a pass together.
    func run(_ passes: [(piece: (Int) -> Void, sample: (Int) -> Void)]) {
        guard blocks > 1, n < 8 || s * c > 65536 else {
            Kernels.forPieces(of: n, size: Kernels.rowsPerChunk(width: s * c, elements: Kernels.heavyChunk)) {
                for sample in $0 {
                    for pass in passes {
                        for block in 0..<blocks { pass.piece(sample * blocks + block) }
                        pass.sample(sample)
                    }
                }
            }
            return
        }
        let together = max(1, (1 << 19) / max(1, s * c))
        for first in Swift.stride(from: 0, to: n, by: together) {
            let count = min(together, n - first)
            for pass in passes {
                ThreadPool.shared.parallel(count * blocks) { pass.piece(first * blocks + $0) }
                ThreadPool.shared.parallel(count) { pass.sample(first + $0) }
            }
        }
    }

    /// The mean and the variance of each group of a sample, from each block's means per channel and squares around them.
    func moments(
        _ means: UnsafePointer<Float>, _ squares: UnsafePointer<Float>, _ sample: Int,
        _ use: (_ group: Int, _ mean: Double, _ variance: Double) -> Void
    ) {
        let width = c / groups
        for group in 0..<groups {
            let channels = group * width..<(group + 1) * width
            var mean = 0.0
            for piece in sample * blocks..<(sample + 1) * blocks {
                var sum = 0.0
                for i in channels { sum += Double(means[piece * c + i]) }
                mean += sum * Double(rows(piece))
            }
            mean /= population
            var variance = 0.0
            for piece in sample * blocks..<(sample + 1) * blocks {
                let count = Double(rows(piece))
                for i in channels {
                    let offset = Double(means[piece * c + i]) - mean
                    variance += Double(squares[piece * c + i]) + count * offset * offset
                }
            }
            use(group, mean, variance / population)
        }
    }

    /// Sums of a sample's channel sums over its blocks and each group's channels, weighted by channel if asked.
    func reduce(
        _ sums: UnsafePointer<Float>, _ sample: Int, times weights: UnsafePointer<Float>? = nil,
        _ use: (Int, Double) -> Void
    ) {
        let width = c / groups
        for group in 0..<groups {
            var total = 0.0
            for part in 0..<blocks {
                let row = sums + (sample * blocks + part) * c
                for i in group * width..<(group + 1) * width {
                    total += Double(row[i]) * Double(weights?[i] ?? 1)
                }
            }
            use(group, total)
        }
    }

    /// A number per group → one per channel.
    func spread(_ perGroup: UnsafePointer<Float>, to perChannel: UnsafeMutablePointer<Float>) {
        let width = c / groups
        for i in 0..<c { perChannel[i] = perGroup[i / width] }
    }

    /// The sum of all channel sums → [c].
    func total(_ sums: UnsafePointer<Float>) -> Tensor {
        Tensor([c]) { total in
            for i in 0..<c {
                var sum = 0.0
                for piece in 0..<n * blocks { sum += Double(sums[piece * c + i]) }
                total[i] = Float(sum)
            }
        }
    }
}
