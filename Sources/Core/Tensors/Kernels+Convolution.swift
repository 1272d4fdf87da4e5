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
        let packed = PackedMatrix(weight, isTransient: true)
        return convolution(x, packed, Epilogue(bias: bias), stride: stride, padding: padding)
    }

    /// As the other, of a frozen weight, and what the epilogue adds.
    public static func convolution(
        _ x: Tensor, _ weight: PackedMatrix, _ epilogue: Epilogue = Epilogue(), stride: Stride = Stride(1),
        padding: Padding = Padding(0)
    ) -> Tensor {
        precondition(epilogue.activation != .geglu, "a convolution is not gated")
        let window = window(x.shape, weight.shape, stride, padding)
        let shape = [x.shape[0], window.out_height, window.out_width, weight.outputs]
        let y = Tensor(uninitialised: shape)
        epilogue.check(columns: weight.outputs, rows: y.rowCount)
        withExtendedLifetime((x, epilogue)) {
            convolve(x.base, weight, epilogue, window, images: x.shape[0], into: y.base)
        }
        return y
    }

    /// dx of `convolution`, for an input of shape `inputShape`.
    public static func convolutionBackwardInput(
        _ dy: Tensor, weight: Tensor, inputShape: [Int], stride: Stride = Stride(1), padding: Padding = Padding(0)
    ) -> Tensor {
        let packed = PackedMatrix(weight, isTransient: true)
        return convolutionBackwardInput(
            dy, weight: packed, inputShape: inputShape, stride: stride, padding: padding)
    }

    /// As the other, of a frozen weight.
    ///
    /// It is itself a convolution, of dy with the kernel turned round; with a step above 1 between the pixels of dy lie
    /// as many zeros.
    public static func convolutionBackwardInput(
        _ dy: Tensor, weight: PackedMatrix, inputShape: [Int], stride: Stride = Stride(1),
        padding: Padding = Padding(0)
    ) -> Tensor {
        let window = window(inputShape, weight.shape, stride, padding)
        let images = inputShape[0]
        check(dy, window, images: images, out: weight.outputs)
        let dx = Tensor(uninitialised: inputShape)
        var back = window
        (back.height, back.width, back.channels) = (window.out_height, window.out_width, weight.outputs)
        (back.out_height, back.out_width) = (window.height, window.width)
        back.top = window.kernel_height - 1 - window.top
        back.left = window.kernel_width - 1 - window.left
        (back.stride_height, back.stride_width) = (1, 1)
        withExtendedLifetime(dy) {
            convolve(
                dy.base, weight.turned(), Epilogue(), back, spread: (stride.h, stride.w), images: images,
                into: dx.base)
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
            for part in 1..<max(1, parts) { ck.add(to, sums + part * co * depth, to, co * depth) }
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
        withUnsafePointer(to: window) { ck.gather_windows(x, $0, rows.lowerBound, rows.count, panel) }
    }

    /// A product whose rows are the windows: each row is found piece by piece, a piece for each pixel of the kernel.
    ///
    /// `spread`: pixels of x lie that many rows and columns apart, with zeros between.
    private static func convolve(
        _ x: UnsafePointer<Float>, _ weight: PackedMatrix, _ epilogue: Epilogue, _ window: ck_window,
        spread: (h: Int, w: Int) = (1, 1), images: Int, into y: UnsafeMutablePointer<Float>
    ) {
        let (depth, taps) = (window.channels, window.kernel_height * window.kernel_width)
        let rows = images * window.out_height * window.out_width
        let isPlain =
            taps == 1 && window.stride_height == 1 && window.stride_width == 1 && spread == (1, 1)
            && window.out_height == window.height && window.out_width == window.width && window.top == 0
            && window.left == 0
        guard !isPlain else {
            let term = Term(.plain(MatrixView(base: x, stride: depth)), RightMatrix(weight), depth)
            return product([term], m: rows, n: weight.outputs, epilogue, into: y)
        }
        guard !isWorthWinograd(window, weight, epilogue, spread: spread, images: images) else {
            return winograd(x, weight, epilogue, window, images: images, into: y)
        }
        let zeros = Storage(count: depth)
        zeros.base.update(repeating: 0, count: depth)
        withExtendedLifetime(zeros) {
            let padding = UnsafePointer(zeros.base)
            let left = LeftRows.gathered(pieces: taps, depth: depth) { range, table in
                find(x, window, spread, range, padding, table)
            }
            let term = Term(left, RightMatrix(weight), taps * depth)
            product([term], m: rows, n: weight.outputs, epilogue, into: y)
        }
    }

    /// Where the pixels under the windows `range` lie: [kh · kw, range.count].
    private static func find(
        _ x: UnsafePointer<Float>, _ window: ck_window, _ spread: (h: Int, w: Int), _ range: Range<Int>,
        _ padding: UnsafePointer<Float>, _ table: LeftRows.Table
    ) {
        let (width, height, channels) = (window.out_width, window.out_height, window.channels)
        let (inHeight, inWidth) = (window.height * spread.h, window.width * spread.w)
        for (i, row) in range.enumerated() {
            let (ox, oy, image) = (row % width, row / width % height, row / width / height)
            let (left, top) = (ox * window.stride_width - window.left, oy * window.stride_height - window.top)
            let pixels = x + image * window.height * window.width * channels
            var piece = i
            for ky in 0..<window.kernel_height {
                let iy = top + ky
                let hasRow = iy >= 0 && iy < inHeight && iy % spread.h == 0
                let line = pixels + (hasRow ? iy / spread.h * window.width * channels : 0)
                for kx in 0..<window.kernel_width {
                    let ix = left + kx
                    let isInside = hasRow && ix >= 0 && ix < inWidth && ix % spread.w == 0
                    table[piece] = isInside ? line + ix / spread.w * channels : padding
                    piece += range.count
                }
            }
        }
    }
}
