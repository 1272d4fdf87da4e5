import Artifacts
import Foundation
import Tensors

/// The kernels one by one, on the shapes of real and of small networks, against what the machine can do at most.
struct KernelBench {
    /// One kernel on one shape.
    struct Row {
        let kernel: String
        let shape: String
        /// Operations in 10⁹; convolutions count as if they were direct.
        var gigaflop: Double?
        /// Bytes read and written at least, in 10⁹.
        var gigabytes: Double?
        let timings: Timings
    }

    let precision: Precision
    let repetitions: Int

    /// Measures all of them.
    func rows() -> [Row] {
        products + convolutions + attentions + memoryBound
    }

    private func timed(_ body: () -> Tensor) -> Timings {
        var timings = Timings()
        _ = body()
        for _ in 0..<repetitions { _ = timings.measure(body) }
        return timings
    }

    private func random(_ shape: [Int]) -> Tensor {
        var generator = Generator(seed: 1).split("\(shape)")
        return generator.normal(shape)
    }

    // MARK: products

    /// Rows, channels out, channels in: the levels of ZeroScope's network, of the small and of the tiny one.
    private static let linears = [
        (7680, 320, 320), (1920, 640, 640), (480, 1280, 1280), (1920, 5120, 640), (8192, 128, 128), (8192, 1024, 128),
        (2048, 64, 64), (2048, 512, 64), (77, 320, 1024),
    ]

    private var products: [Row] {
        Self.linears.map { rows, out, width in
            let (x, weight) = (random([rows, width]), PackedMatrix(random([out, width]), precision: precision))
            return Row(
                kernel: "linear", shape: "[\(rows), \(width)] → \(out)",
                gigaflop: 2e-9 * Double(rows * out * width), timings: timed { Kernels.linear(x, weight) })
        }
    }

    // MARK: convolutions

    private var convolutions: [Row] {
        let pictures = [
            (16, 40, 24, 320, 320), (16, 20, 12, 640, 640), (16, 10, 6, 1280, 1280), (16, 32, 32, 128, 128),
            (16, 16, 16, 64, 64), (1, 72, 40, 512, 512),
        ]
        let times = [(2, 8, 960, 320), (2, 8, 240, 640), (2, 8, 60, 1280), (2, 8, 1024, 128), (2, 8, 256, 64)]
        return pictures.map { n, h, w, ci, co in
            let x = random([n, h, w, ci])
            let weight = PackedMatrix(random([co, 3, 3, ci]), precision: precision)
            return Row(
                kernel: "convolution 3 × 3", shape: "[\(n), \(h), \(w), \(ci)] → \(co)",
                gigaflop: 18e-9 * Double(n * h * w * ci * co),
                timings: timed { Kernels.convolution(x, weight, padding: .init(1)) })
        }
            + times.map { b, f, s, c in
                let (x, weight) = (random([b, f, s, c]), PackedMatrix(random([c, 3, 1, c]), precision: precision))
                return Row(
                    kernel: "convolution in time", shape: "[\(b), \(f), \(s), \(c)]",
                    gigaflop: 6e-9 * Double(b * f * s * c * c),
                    timings: timed { Kernels.convolution(x, weight, padding: .init(1, 0)) })
            }
    }

    // MARK: attention

    private var attentions: [Row] {
        let shapes = [
            ("attention in a picture", 16, 960, 960, 1, 5, 64), ("attention in a picture", 16, 256, 256, 1, 2, 32),
            ("attention to a text", 16, 960, 77, 1, 5, 64), ("attention in time", 2, 8, 8, 960, 5, 64),
            ("attention in time", 2, 24, 24, 960, 5, 64), ("attention in time", 2, 8, 8, 256, 2, 32),
        ]
        return shapes.map { name, outer, queries, keys, inner, heads, width in
            let q = random([outer, queries, inner, heads * width])
            let (k, v) = (random([outer, keys, inner, heads * width]), random([outer, keys, inner, heads * width]))
            return Row(
                kernel: name, shape: "\(outer * inner) × \(queries) × \(keys), \(heads) heads of \(width)",
                gigaflop: 4e-9 * Double(outer * inner * queries * keys * heads * width),
                timings: timed { Kernels.attention(q, k, v, heads: heads) })
        }
    }

    // MARK: what waits for memory

    private var memoryBound: [Row] {
        let x = random([16, 960, 320])
        let (scale, shift) = (random([320]), random([320]))
        let wide = random([7680, 2560])
        func row(_ kernel: String, _ shape: [Int], moved: Int, _ body: () -> Tensor) -> Row {
            Row(
                kernel: kernel, shape: "\(shape)", gigabytes: 4e-9 * Double(moved), timings: timed(body))
        }
        return [
            row("add", x.shape, moved: 3 * x.count) { Kernels.add(x, x) },
            row("SiLU", x.shape, moved: 2 * x.count) { Kernels.silu(x) },
            row("GEGLU", wide.shape, moved: wide.count * 3 / 2) { Kernels.geglu(wide) },
            row("layer norm", x.shape, moved: 2 * x.count) {
                Kernels.layerNorm(x, weight: scale, bias: shift, epsilon: 1e-5).y
            },
            row("group norm and SiLU", x.shape, moved: 2 * x.count) {
                Kernels.groupNorm(x, groups: 32, weight: scale, bias: shift, epsilon: 1e-5, silu: true).y
            },
        ]
    }
}

/// The rows beside the ceilings.
struct KernelReport {
    let precision: Precision
    let ceilings: Ceilings
    let rows: [KernelBench.Row]

    private var table: Table {
        var table = Table([
            ("kernel", .left), ("shape", .left), ("minimum", .right), ("median", .right), ("GFLOP/s", .right),
            ("GB/s", .right), ("of the ceiling", .right),
        ])
        for row in rows {
            let share = Self.share(row, ceilings)
            let speeds = [row.gigaflop, row.gigabytes].map {
                $0.map { String(format: "%.0f", $0 / row.timings.minimum) } ?? ""
            }
            table.add(
                [row.kernel, row.shape, Self.milliseconds(row.timings.minimum)]
                    + [Self.milliseconds(row.timings.median)] + speeds + [String(format: "%.0f %%", 100 * share)])
        }
        return table
    }

    /// Above 1 where a convolution saves products, or where the caches hold what is read.
    private static func share(_ row: KernelBench.Row, _ ceilings: Ceilings) -> Double {
        if let gigaflop = row.gigaflop { return gigaflop / row.timings.minimum / ceilings.gigaflops }
        return (row.gigabytes ?? 0) / row.timings.minimum / ceilings.copyGigabytes
    }

    private static func milliseconds(_ seconds: Double) -> String { String(format: "%.2f ms", 1000 * seconds) }

    private var heading: String {
        """
        \(precision.rawValue), \(ThreadPool.width) threads, \(Kernels.description)
        ceilings: \(String(format: "%.0f", ceilings.gigaflops)) GFLOP/s of float32 in registers, \
        \(String(format: "%.1f", ceilings.copyGigabytes)) GB/s read and written by copying
        """
    }

    func text(markdown: Bool) -> String { heading + "\n\n" + (markdown ? table.markdown : table.text) }

    var document: String {
        JSON.document([
            ("version", .string(ToolVersion.text)), ("kernels", .string(Kernels.description)),
            ("threads", .int(ThreadPool.width)), ("precision", .string(precision.rawValue)),
            ("ceiling_gigaflop_per_second", JSON.number(ceilings.gigaflops)),
            ("ceiling_copy_gigabyte_per_second", JSON.number(ceilings.copyGigabytes)),
            (
                "results",
                .list(
                    rows.map { row in
                        var fields: [String: Value] = [
                            "kernel": .string(row.kernel), "shape": .string(row.shape),
                            "minimum_seconds": JSON.number(row.timings.minimum),
                            "median_seconds": JSON.number(row.timings.median),
                        ]
                        if let gigaflop = row.gigaflop { fields["gigaflop"] = JSON.number(gigaflop) }
                        if let gigabytes = row.gigabytes { fields["gigabyte"] = JSON.number(gigabytes) }
                        return .map(fields)
                    })
            ),
        ])
    }
}
