/// The arithmetic on tensors, forward and backward: the one seam behind which another processor can be added.
///
/// Everything is float32 and contiguous; activations are channels-last. Functions take whole tensors and give new ones.
/// A backward function takes the gradient of its result first. Shapes that do not fit are programmer errors and trap.
public enum Kernels {
}

// Published signatures; bodies land in Kernels+*.swift within the hour.
extension Kernels {
    // MARK: products
    /// `a · b` of matrices [m, k] and [k, n], or of batches [.., m, k] and [.., k, n] with equal leading axes; either may be transposed in its last two axes.
    public static func matmul(_ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false) -> Tensor { fatalError() }
    /// `x · weightᵀ + bias` over the last axis: x [.., in], weight [out, in], bias [out] or nil → [.., out].
    public static func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor { fatalError() }
    /// dx [.., in] of `linear`.
    public static func linearBackwardInput(_ dy: Tensor, weight: Tensor) -> Tensor { fatalError() }
    /// dweight [out, in] of `linear`.
    public static func linearBackwardWeight(_ dy: Tensor, x: Tensor) -> Tensor { fatalError() }
    /// dbias [out] of `linear`: the sum over all axes but the last (any tensor).
    public static func linearBackwardBias(_ dy: Tensor) -> Tensor { fatalError() }

    // MARK: convolution. x [n, h, w, ci], weight [co, kh, kw, ci], bias [co] or nil → [n, oh, ow, co]
    public struct Stride: Sendable, Hashable {
        public let h: Int, w: Int
        public init(_ h: Int, _ w: Int) { self.h = h; self.w = w }
        public init(_ both: Int) { self.init(both, both) }
    }
    public struct Padding: Sendable, Hashable {
        public let top: Int, left: Int, bottom: Int, right: Int
        public init(top: Int = 0, left: Int = 0, bottom: Int = 0, right: Int = 0) { self.top = top; self.left = left; self.bottom = bottom; self.right = right }
        public init(_ all: Int) { self.init(top: all, left: all, bottom: all, right: all) }
        public init(_ h: Int, _ w: Int) { self.init(top: h, left: w, bottom: h, right: w) }
    }
    public static func convolution(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil, stride: Stride = Stride(1), padding: Padding = Padding(0)) -> Tensor { fatalError() }
    public static func convolutionBackwardInput(_ dy: Tensor, weight: Tensor, inputShape: [Int], stride: Stride = Stride(1), padding: Padding = Padding(0)) -> Tensor { fatalError() }
    public static func convolutionBackwardWeight(_ dy: Tensor, x: Tensor, weightShape: [Int], stride: Stride = Stride(1), padding: Padding = Padding(0)) -> Tensor { fatalError() }
    public static func convolutionBackwardBias(_ dy: Tensor) -> Tensor { fatalError() }

    // MARK: normalisation. x [n, .., c]: each [i, ..] of the first axis, over all middle axes and c / groups channels
    public static func groupNorm(_ x: Tensor, groups: Int, weight: Tensor, bias: Tensor, epsilon: Float, silu: Bool = false) -> (y: Tensor, mean: Tensor, rstd: Tensor) { fatalError() }  // mean, rstd [n, groups]
    /// dweight and dbias are nil unless `needsParameters`.
    public static func groupNormBackward(_ dy: Tensor, x: Tensor, groups: Int, weight: Tensor, bias: Tensor, mean: Tensor, rstd: Tensor, silu: Bool = false, needsParameters: Bool = true) -> (dx: Tensor, dweight: Tensor?, dbias: Tensor?) { fatalError() }
    /// Over the last axis; weight, bias [c] or nil; mean, rstd [rows].
    public static func layerNorm(_ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float) -> (y: Tensor, mean: Tensor, rstd: Tensor) { fatalError() }
    public static func layerNormBackward(_ dy: Tensor, x: Tensor, weight: Tensor?, mean: Tensor, rstd: Tensor, needsParameters: Bool = true) -> (dx: Tensor, dweight: Tensor?, dbias: Tensor?) { fatalError() }

    // MARK: activations
    public static func silu(_ x: Tensor) -> Tensor { fatalError() }
    public static func siluBackward(_ dy: Tensor, x: Tensor) -> Tensor { fatalError() }
    public static func gelu(_ x: Tensor) -> Tensor { fatalError() }   // erf
    public static func geluBackward(_ dy: Tensor, x: Tensor) -> Tensor { fatalError() }
    public static func quickGelu(_ x: Tensor) -> Tensor { fatalError() }
    public static func quickGeluBackward(_ dy: Tensor, x: Tensor) -> Tensor { fatalError() }
    /// x [.., 2c] = value | gate → value · gelu(gate) [.., c].
    public static func geglu(_ x: Tensor) -> Tensor { fatalError() }
    public static func gegluBackward(_ dy: Tensor, x: Tensor) -> Tensor { fatalError() }
    public static func softmax(_ x: Tensor) -> Tensor { fatalError() }  // last axis
    public static func softmaxBackward(_ dy: Tensor, y: Tensor) -> Tensor { fatalError() }  // y: the softmax
    public static func exponential(_ x: Tensor) -> Tensor { fatalError() }
    public static func tanh(_ x: Tensor) -> Tensor { fatalError() }

    // MARK: attention
    /// q [outer, Lq, inner, C], k and v [outerK, Lk, inner, C] (rank 3 means inner 1), outer = outerK · r; softmax scale 1/√(C/heads) → shape of q.
    public static func attention(_ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, causal: Bool = false) -> Tensor { fatalError() }
    public static func attentionBackward(_ dy: Tensor, q: Tensor, k: Tensor, v: Tensor, heads: Int, causal: Bool = false) -> (dq: Tensor, dk: Tensor, dv: Tensor) { fatalError() }

    // MARK: element by element (equal shapes)
    public static func add(_ a: Tensor, _ b: Tensor) -> Tensor { fatalError() }
    public static func subtract(_ a: Tensor, _ b: Tensor) -> Tensor { fatalError() }
    public static func multiply(_ a: Tensor, _ b: Tensor) -> Tensor { fatalError() }
    public static func scale(_ a: Tensor, by factor: Float) -> Tensor { fatalError() }
    /// alpha · x + y
    public static func axpy(_ alpha: Float, _ x: Tensor, _ y: Tensor) -> Tensor { fatalError() }
    /// y += alpha · x, in place when nobody else sees y.
    public static func accumulate(_ alpha: Float = 1, _ x: Tensor, into y: inout Tensor) { fatalError() }
    /// x [n, .., c] + y [m, c], n = m · r: consecutive r of the first axis share a row of y.
    public static func addBroadcast(_ x: Tensor, _ y: Tensor) -> Tensor { fatalError() }
    /// dy of `addBroadcast` for y: [rows, c].
    public static func addBroadcastBackward(_ dy: Tensor, rows: Int) -> Tensor { fatalError() }

    // MARK: movement
    public static func concatenateChannels(_ parts: [Tensor]) -> Tensor { fatalError() }   // last axis
    public static func splitChannels(_ x: Tensor, _ channels: [Int]) -> [Tensor] { fatalError() }
    public static func concatenateRows(_ parts: [Tensor]) -> Tensor { fatalError() }       // first axis
    public static func rows(_ x: Tensor, _ range: Range<Int>) -> Tensor { fatalError() }   // first axis
    /// zeros of `count` rows but for x at `range`: backward of `rows`.
    public static func rowsBackward(_ dy: Tensor, _ range: Range<Int>, of count: Int) -> Tensor { fatalError() }
    public static func upsampleNearest(_ x: Tensor, to size: (h: Int, w: Int)) -> Tensor { fatalError() }
    public static func upsampleNearestBackward(_ dy: Tensor, from size: (h: Int, w: Int)) -> Tensor { fatalError() }
    /// axes[i] is the axis of x that becomes axis i.
    public static func permute(_ x: Tensor, _ axes: [Int]) -> Tensor { fatalError() }
    /// rows `ids` of a table [r, ..] → [ids.count, ..].
    public static func gatherRows(_ table: Tensor, _ ids: [Int]) -> Tensor { fatalError() }
    /// base [r, ..] with row i of x added to row ids[i] (repeated ids add up).
    public static func scatterAddRows(_ x: Tensor, at ids: [Int], to base: Tensor) -> Tensor { fatalError() }

    // MARK: reductions (blocked sums in a fixed order, totals in double)
    public static func sum(_ x: Tensor) -> Float { fatalError() }
    public static func mean(_ x: Tensor) -> Float { fatalError() }
    public static func sumOfSquares(_ x: Tensor) -> Float { fatalError() }
    /// Sum of a · b.
    public static func dot(_ a: Tensor, _ b: Tensor) -> Float { fatalError() }
    /// x [m · r, ..] → [m, ..]: sums of r consecutive entries of the first axis.
    public static func sumRowGroups(_ x: Tensor, groups: Int) -> Tensor { fatalError() }
    /// x [m, ..] → [m · r, ..]: each entry of the first axis r times.
    public static func repeatRows(_ x: Tensor, times: Int) -> Tensor { fatalError() }

    /// What the processor can do, which kernels run, and the BLAS configuration; for the record of a run.
    public static var description: String { fatalError() }
}
