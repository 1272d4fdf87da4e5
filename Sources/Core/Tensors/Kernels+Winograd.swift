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
        withUnsafePointer(to: window) { window in
            var plan = ck.winograd_plan(window, images, weight.outputs)
            let down = plan.blocks / max(1, plan.groups)
            if !weight.keepsWinograd {
                // Weights made for this product alone pass in groups, so that they take little memory.
                plan.panels = min(plan.panels, weight.winogradPanelsAtOnce)
                plan.groups = (weight.panelCount + plan.panels - 1) / plan.panels
                plan.blocks = down * plan.groups
            }
            func run(_ u: UnsafePointer<Float>, _ indices: Int, _ index: (Int) -> Int) {
                ThreadPool.shared.parallel(indices) { block in
                    let scratch = Storage(count: plan.scratch)
                    withExtendedLifetime(scratch) {
                        ck.winograd(
                            x, window, images, u, weight.outputs, end, y, plan, index(block), scratch.base)
                    }
                }
            }
            guard !weight.keepsWinograd else {
                let transformed = weight.winogradWeights()
                return withExtendedLifetime(transformed) { run(transformed.base, plan.blocks) { $0 } }
            }
            let size = weight.winogradPanelSize
            let group = Storage(count: plan.panels * size)
            withExtendedLifetime(group) {
                for index in 0..<plan.groups {
                    let first = index * plan.panels
                    weight.transform(first..<min(first + plan.panels, weight.panelCount), into: group.base)
                    // The kernel counts panels from the first of the matrix.
                    run(group.base - first * size, down) { $0 * plan.groups + index }
                }
            }
        }
    }
}
