internal import CKernels

extension Kernels {
    /// Whether Winograd's way is the faster one for a convolution: a function of the sizes and of the kind of processor.
    static func isWorthWinograd(
        _ window: ck_window, _ weight: PackedMatrix, _ epilogue: Epilogue, spread: (h: Int, w: Int), images: Int
    ) -> Bool {
        guard spread == (1, 1), epilogue.activation == .none, window.channels > 8, weight.outputs > 8 else {
            return false
        }
        // Its products are of float32, which takes twice as long where the processor multiplies bfloat16.
        let least: Float = weight.precision == .bf16 && KernelLevel.chosen == .avx512bf16 ? 2 : 1.1
        return withUnsafePointer(to: window) {
            ck.winograd_gain($0, images, weight.outputs, weight.keepsWinograd) >= least
        }
    }

    /// A convolution of step 1 by Winograd's F(4 × 4, 3 × 3) or F(4, 3), in blocks that do not depend on each other.
    ///
    /// Its error is that of float32 times about ten: 1e-6 to 5e-6 of the result's norm.
    static func winograd(
        _ x: UnsafePointer<Float>, _ weight: PackedMatrix, _ epilogue: Epilogue, _ window: ck_window, images: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        let rows = images * window.out_height * window.out_width
        let end = epilogue.part(row: 0, column: 0, of: rows, columns: weight.outputs)
        let transformed = weight.winogradWeights()
        withUnsafePointer(to: window) { window in
            let plan = ck.winograd_plan(window, images, weight.outputs)
            ThreadPool.shared.parallel(plan.blocks) { block in
                let scratch = Storage(count: plan.scratch)
                withExtendedLifetime((transformed, scratch)) {
                    ck.winograd(
                        x, window, images, transformed.base, weight.outputs, end, y, plan, block, scratch.base)
                }
            }
        }
    }
}
