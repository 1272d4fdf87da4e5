internal import CKernels

extension Kernels {
    /// Steps of a convolution's window, in rows and columns.
    public struct Stride: Sendable, Hashable {
        /// Rows per step.
        public let h: Int
        /// Columns per step.
        public let w: Int

        /// Steps of `h` rows and `w` columns.
        public init(_ h: Int, _ w: Int) { (self.h, self.w) = (h, w) }

        /// The same step both ways.
        public init(_ both: Int) { self.init(both, both) }
    }

    /// Zeros around the picture of a convolution.
    public struct Padding: Sendable, Hashable {
        /// Rows above.
        public let top: Int
        /// Columns on the left.
        public let left: Int
        /// Rows below.
        public let bottom: Int
        /// Columns on the right.
        public let right: Int

        /// Each side for itself.
        public init(top: Int = 0, left: Int = 0, bottom: Int = 0, right: Int = 0) {
            (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
        }

        /// The same on all sides.
        public init(_ all: Int) { self.init(top: all, left: all, bottom: all, right: all) }

        /// `h` rows above and below, `w` columns on both sides.
        public init(_ h: Int, _ w: Int) { self.init(top: h, left: w, bottom: h, right: w) }
    }

    /// x [n, h, w, ci] under windows of weight [co, kh, kw, ci], plus bias [co] → [n, oh, ow, co].
    ///
    /// A temporal convolution is one of kernel (3, 1) over [b, f, h · w, c].
    public static func convolution(
        _ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil, stride: Stride = Stride(1), padding: Padding = Padding(0)
    ) -> Tensor {
        let window = window(x.shape, weight.shape, stride, padding)
        if let bias { precondition(bias.shape == [weight.shape[0]], "bias \(bias.shape) of \(weight.shape)") }
        let y = Tensor(uninitialised: [x.shape[0], window.out_height, window.out_width, weight.shape[0]])
        withExtendedLifetime((x, weight, bias)) {
            convolve(x.base, weight.base, bias?.base, window, images: x.shape[0], out: weight.shape[0], into: y.base)
        }
        return y
    }

    /// dx of `convolution`, for an input of shape `inputShape`.
    ///
    /// With step 1 it is itself a convolution, of dy with the kernel turned round; otherwise windows are added back.
    public static func convolutionBackwardInput(
        _ dy: Tensor, weight: Tensor, inputShape: [Int], stride: Stride = Stride(1), padding: Padding = Padding(0)
    ) -> Tensor {
        let window = window(inputShape, weight.shape, stride, padding)
        let (images, ci, co) = (inputShape[0], inputShape[3], weight.shape[0])
        check(dy, window, images: images, out: co)
        let dx = Tensor(uninitialised: inputShape)
        guard stride != Stride(1) else {
            let turned = turnedRound(weight)
            var back = window
            (back.height, back.width, back.channels) = (window.out_height, window.out_width, co)
            (back.out_height, back.out_width) = (window.height, window.width)
            back.top = window.kernel_height - 1 - window.top
            back.left = window.kernel_width - 1 - window.left
            withExtendedLifetime((dy, turned)) {
                convolve(dy.base, turned.base, nil, back, images: images, out: ci, into: dx.base)
            }
            return dx
        }
        let (depth, perImage) = (weight.count / co, window.out_height * window.out_width)
        let panel = panelRows(depth: depth, of: perImage)
        withExtendedLifetime((dy, weight)) {
            let (gradient, kernel, to) = (dy.base, weight.base, dx.base)
            // An image per chunk: windows overlap, so the additions of one image stay on one thread.
            ThreadPool.shared.parallel(images) { image in
                let size = window.height * window.width * ci
                (to + image * size).update(repeating: 0, count: size)
                let rows = Storage(count: min(panel, perImage) * depth)
                withExtendedLifetime(rows) {
                    var start = image * perImage
                    while start < (image + 1) * perImage {
                        let count = min(panel, (image + 1) * perImage - start)
                        sgemm(
                            MatrixView(base: gradient + start * co, stride: co),
                            MatrixView(base: kernel, stride: depth), m: count, n: depth, k: co, into: rows.base,
                            stride: depth)
                        scatter(rows.base, window, start..<start + count, into: to)
                        start += count
                    }
                }
            }
        }
        return dx
    }

    /// dweight [co, kh, kw, ci] of `convolution`.
    public static func convolutionBackwardWeight(
        _ dy: Tensor, x: Tensor, weightShape: [Int], stride: Stride = Stride(1), padding: Padding = Padding(0)
    ) -> Tensor {
        let window = window(x.shape, weightShape, stride, padding)
        let (images, co) = (x.shape[0], weightShape[0])
        check(dy, window, images: images, out: co)
        let depth = Tensor.count(of: weightShape) / max(1, co)
        let rows = images * window.out_height * window.out_width
        let panel = panelRows(depth: depth, of: rows)
        let panels = (rows + panel - 1) / panel
        // Each part takes every so-manieth panel into a result of its own; parts are then added in order.
        let parts = max(1, min(panels, 8, (8 << 20) / max(1, co * depth)))
        let dweight = Tensor(uninitialised: weightShape)
        let partial = Storage(count: parts * co * depth)
        withExtendedLifetime((dy, x, partial)) {
            let (gradient, from, sums) = (dy.base, x.base, partial.base)
            ThreadPool.shared.parallel(parts) { part in
                let sum = sums + part * co * depth
                let gathered = Storage(count: min(panel, rows) * depth)
                withExtendedLifetime(gathered) {
                    for index in Swift.stride(from: part, to: panels, by: parts) {
                        let range = index * panel..<min(rows, (index + 1) * panel)
                        gather(from, window, range, into: gathered.base)
                        sgemm(
                            MatrixView(base: gradient + range.lowerBound * co, stride: co, isTransposed: true),
                            MatrixView(base: gathered.base, stride: depth), m: co, n: depth, k: range.count,
                            adding: index != part, into: sum, stride: depth)
                    }
                }
            }
            let to = dweight.base
            if panels == 0 { to.update(repeating: 0, count: dweight.count) }
            guard panels > 0 else { return }
            to.update(from: sums, count: co * depth)
            for part in 1..<max(1, parts) { ck_add(to, sums + part * co * depth, to, co * depth) }
        }
        return dweight
    }

    /// dbias [co] of `convolution`.
    public static func convolutionBackwardBias(_ dy: Tensor) -> Tensor { linearBackwardBias(dy) }

    // MARK: windows

    private static func window(
        _ input: [Int], _ weight: [Int], _ stride: Stride, _ padding: Padding
    ) -> ck_window {
        precondition(
            input.count == 4 && weight.count == 4 && input[3] == weight[3],
            "convolution of [n, h, w, ci] = \(input) with [co, kh, kw, ci] = \(weight)")
        let (down, across) = (
            input[1] + padding.top + padding.bottom - weight[1], input[2] + padding.left + padding.right - weight[2]
        )
        precondition(down >= 0 && across >= 0, "the kernel \(weight) is larger than the padded input \(input)")
        return ck_window(
            height: input[1], width: input[2], channels: input[3], kernel_height: weight[1], kernel_width: weight[2],
            stride_height: stride.h, stride_width: stride.w, top: padding.top, left: padding.left,
            out_height: down / stride.h + 1, out_width: across / stride.w + 1)
    }

    private static func check(_ dy: Tensor, _ window: ck_window, images: Int, out: Int) {
        let expected = [images, window.out_height, window.out_width, out]
        precondition(dy.shape == expected, "gradient \(dy.shape) of a convolution that gives \(expected)")
    }

    /// Rows of a panel of windows, so that the panels of `rows` are about equal.
    ///
    /// A quarter of the second-level cache at most, several panels to share among threads, but rows enough to be worth
    /// packing the weights.
    private static func panelRows(depth: Int, of rows: Int) -> Int {
        let most = min(max(192, 65536 / max(1, depth)), max(160, rows / 8))
        let panels = max(1, (rows + most - 1) / most)
        return max(16, ((rows + panels - 1) / panels + 15) / 16 * 16)
    }

    private static func gather(
        _ x: UnsafePointer<Float>, _ window: ck_window, _ rows: Range<Int>, into panel: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: window) { ck_gather_windows(x, $0, rows.lowerBound, rows.count, panel) }
    }

    private static func scatter(
        _ panel: UnsafePointer<Float>, _ window: ck_window, _ rows: Range<Int>, into dx: UnsafeMutablePointer<Float>
    ) {
        withUnsafePointer(to: window) { ck_scatter_windows(panel, $0, rows.lowerBound, rows.count, dx) }
    }

    /// Windows gathered into panels of rows, each panel one product.
    ///
    /// A 1 × 1 kernel needs no gathering.
    private static func convolve(
        _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, _ window: ck_window,
        images: Int, out: Int, into y: UnsafeMutablePointer<Float>
    ) {
        let depth = window.kernel_height * window.kernel_width * window.channels
        let rows = images * window.out_height * window.out_width
        let kernel = MatrixView(base: weight, stride: depth, isTransposed: true)
        let isPlain =
            window.kernel_height == 1 && window.kernel_width == 1 && window.stride_height == 1
            && window.stride_width == 1 && window.out_height == window.height && window.out_width == window.width
            && window.top == 0 && window.left == 0
        guard !isPlain else {
            return product(
                MatrixView(base: x, stride: depth), kernel, m: rows, n: out, k: depth, bias: bias, into: y)
        }
        let right = RightMatrix(kernel, rows: depth, columns: out, forProductsOf: rows)
        forPieces(of: rows, size: panelRows(depth: depth, of: rows)) { range in
            let panel = Storage(count: range.count * depth)
            withExtendedLifetime(panel) {
                gather(x, window, range, into: panel.base)
                right.product(
                    MatrixView(base: panel.base, stride: depth), fromRow: 0, column: 0, m: range.count, n: out,
                    k: depth, bias: bias, into: y + range.lowerBound * out, stride: out)
            }
        }
    }

    /// weight [co, kh, kw, ci] → [ci, kh, kw, co] with rows and columns of the kernel reversed.
    private static func turnedRound(_ weight: Tensor) -> Tensor {
        let (co, kh, kw, ci) = (weight.shape[0], weight.shape[1], weight.shape[2], weight.shape[3])
        let turned = Tensor(uninitialised: [ci, kh, kw, co])
        withExtendedLifetime(weight) {
            let (from, to) = (weight.base, turned.base)
            let taps = kh * kw
            forPieces(of: ci, size: rowsPerChunk(width: taps * co, elements: lightChunk)) { range in
                for i in range {
                    for tap in 0..<taps {
                        let source = from + (taps - 1 - tap) * ci + i
                        let row = to + (i * taps + tap) * co
                        for o in 0..<co { row[o] = source[o * taps * ci] }
                    }
                }
            }
        }
        return turned
    }
}
