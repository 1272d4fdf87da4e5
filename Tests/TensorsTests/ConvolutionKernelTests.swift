import CKernels
import Testing

/// Windows and Winograd's way, per level, against plain loops.
@Suite struct ConvolutionKernelTests {
    private static func check(
        _ level: Level, _ window: ck_window, images: Int, out: Int, storage: ck_storage, seed: UInt64
    ) {
        let (ck, room) = (level.kernels, Room(seed: seed))
        let (taps, channels) = (window.kernel_height * window.kernel_width, window.channels)
        let (inner, pixels) = (taps * channels, window.out_height * window.out_width)
        let rows = images * pixels
        let x = room.random(images * window.height * window.width * channels)
        var windows = [Double](repeating: 0, count: rows * inner)
        for r in 0..<rows {
            for t in 0..<taps {
                let (oy, ox) = (r % pixels / window.out_width, r % window.out_width)
                let iy = oy * window.stride_height + t / window.kernel_width - window.top
                let ix = ox * window.stride_width + t % window.kernel_width - window.left
                guard iy >= 0, iy < window.height, ix >= 0, ix < window.width else { continue }
                let pixel = x + ((r / pixels * window.height + iy) * window.width + ix) * channels
                for i in 0..<channels { windows[r * inner + t * channels + i] = Double(pixel[i]) }
            }
        }
        let gathered = room.floats(rows * inner)
        let cut = room.dice.roll(0...rows)
        withUnsafePointer(to: window) {
            ck.gather_windows(x, $0, 0, cut, gathered)
            ck.gather_windows(x, $0, cut, rows - cut, gathered + cut * inner)
        }
        expectFloats("gather_windows", gathered, windows, tolerance: 0)
        room.expectUntouched("gather_windows")
        let isSquare = window.kernel_width == 3
        let fits =
            window.kernel_height == 3 && window.stride_height == 1 && window.stride_width == 1
            && (isSquare || (window.kernel_width == 1 && window.left == 0 && window.out_width == window.width))
        #expect(withUnsafePointer(to: window) { ck.winograd_gain($0, images, out, true) > 0 } == fits)
        guard fits else { return }
        let (weight, numbers) = ProductKernelTests.packed(
            ck, room, pieces: taps, depth: channels, columns: out, storage: storage, isTransposed: true)
        let u = room.floats(ck.winograd_weights_size(channels, out, isSquare))
        let panels = (out + 31) / 32
        ck.winograd_weights(weight, storage, channels, isSquare, panels / 2, panels, u)
        ck.winograd_weights(weight, storage, channels, isSquare, 0, panels / 2, u)
        let plan = withUnsafePointer(to: window) { ck.winograd_plan($0, images, out) }
        let isInPlace = room.dice.flip()
        let sharing = isInPlace ? 1 : [1, 2, pixels, rows][room.dice.roll(0...3)]
        let bias = room.dice.flip() ? room.random(out) : nil
        let y = isInPlace ? room.random(rows * out) : room.floats(rows * out)
        let add = isInPlace ? y : room.dice.flip() ? room.random((rows + 1) * out) : nil
        var expected = (0..<rows * out).map {
            Double(bias?[$0 % out] ?? 0) + Double(add?[$0 / out / sharing * out + $0 % out] ?? 0)
        }
        for r in 0..<rows {
            for k in 0..<inner where windows[r * inner + k] != 0 {
                for o in 0..<out { expected[r * out + o] += windows[r * inner + k] * numbers[k * out + o] }
            }
        }
        let epilogue = ck_epilogue(
            bias: bias.map { UnsafePointer($0) }, add: add.map { UnsafePointer($0) }, add_row: out, sharing: sharing,
            first_row: 0, adding: false, activation: ck_no_activation)
        // Blocks in any order: from the last.
        for block in (0..<plan.blocks).reversed() {
            withUnsafePointer(to: window) {
                ck.winograd(x, $0, images, u, out, epilogue, y, plan, block, room.floats(plan.scratch))
            }
        }
        let what =
            "winograd of \(images) [\(window.height), \(window.width), \(channels)] -> \(out), \(plan.blocks) blocks"
        // Its points are sums of up to 36 inputs: some ten times the error of float32.
        expectFloats(what, y, expected, tolerance: 1e-5)
        room.expectUntouched(what)
    }

    /// A window of step `step` and the same padding on both sides.
    private static func window(
        _ height: Int, _ width: Int, _ channels: Int, kernel: (Int, Int) = (3, 3), step: Int = 1, top: Int = 1,
        left: Int = 1
    ) -> ck_window {
        ck_window(
            height: height, width: width, channels: channels, kernel_height: kernel.0, kernel_width: kernel.1,
            stride_height: step, stride_width: step, top: top, left: left,
            out_height: (height + 2 * top - kernel.0) / step + 1, out_width: (width + 2 * left - kernel.1) / step + 1)
    }

    @Test("random pictures and paddings", arguments: Level.all)
    func pictures(level: Level) {
        var dice = Dice(4)
        for round in 0..<16 {
            let window = Self.window(
                dice.roll(3...9), dice.roll(3...9), dice.roll(1...36), top: dice.roll(0...2), left: dice.roll(0...2))
            Self.check(
                level, window, images: dice.roll(1...2), out: dice.roll(1...36),
                storage: ck_storage.all[dice.roll(0...2)], seed: UInt64(round)
            )
        }
    }

    @Test("random clips", arguments: Level.all)
    func clips(level: Level) {
        var dice = Dice(5)
        for round in 0..<10 {
            let window = Self.window(
                dice.roll(3...10), dice.roll(1...20), dice.roll(1...36), kernel: (3, 1), top: dice.roll(0...2), left: 0)
            Self.check(
                level, window, images: dice.roll(1...2), out: dice.roll(1...36),
                storage: ck_storage.all[dice.roll(0...2)], seed: UInt64(round)
            )
        }
    }

    @Test("other windows are gathered, and are not Winograd's", arguments: Level.all)
    func windows(level: Level) {
        var dice = Dice(6)
        for round in 0..<12 {
            let (kernel, step) = ((dice.roll(1...4), dice.roll(1...4)), dice.roll(1...3))
            let window = Self.window(
                dice.roll(4...9), dice.roll(4...9), dice.roll(1...36), kernel: kernel, step: step,
                top: dice.roll(0...3), left: dice.roll(0...3))
            Self.check(level, window, images: dice.roll(1...2), out: 3, storage: ck_float, seed: UInt64(round))
        }
    }

    @Test("one pixel, several blocks, several groups of panels, a negative padding", arguments: Level.all)
    func edges(level: Level) {
        Self.check(level, Self.window(1, 1, 5), images: 1, out: 3, storage: ck_float, seed: 1)
        Self.check(level, Self.window(33, 41, 2), images: 1, out: 3, storage: ck_float, seed: 2)
        Self.check(level, Self.window(9, 50, 2, kernel: (3, 1), left: 0), images: 3, out: 3, storage: ck_half, seed: 3)
        Self.check(level, Self.window(4, 4, 3), images: 1, out: 300, storage: ck_float, seed: 4)
        Self.check(level, Self.window(9, 8, 7, top: -1, left: -2), images: 2, out: 9, storage: ck_float, seed: 5)
    }
}
