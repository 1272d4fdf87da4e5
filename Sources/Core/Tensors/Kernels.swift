internal import CBLAS
internal import CKernels
import Synchronization

/// The arithmetic on tensors, forward and backward: the one seam behind which another processor can be added.
///
/// Everything is float32 and contiguous; activations are channels-last. Functions take whole tensors and give new ones.
/// A backward function takes the gradient of its result first. Shapes that do not fit are programmer errors and trap.
/// Results are equal bit by bit for any width of the ``ThreadPool``, on one kind of processor.
public enum Kernels {
    /// What the processor can do, so which kernels run, and the BLAS configuration; for the record of a run.
    public static var description: String {
        useOneBLASThread
        let configuration = openblas_get_config().map { String(cString: $0) } ?? "unknown"
        let core = openblas_get_corename().map { String(cString: $0) } ?? "unknown"
        return "\(KernelLevel.chosen.rawValue) kernels; \(configuration), core \(core), 1 BLAS thread per chunk"
    }

    /// We tile outside: OpenBLAS's own threads change results with their number, and would fight with the pool.
    static let useOneBLASThread: Void = openblas_set_num_threads(1)

    /// Gives the memory that is kept for the next tensors back to the system: after work whose sizes will not come again.
    public static func releaseMemory() { Recycler.shared.trim() }

    /// How many buffers were allocated so far; it does not grow after the first two of equal steps.
    public static var allocations: Int { Recycler.shared.made.load(ordering: .relaxed) }

    /// Elements of a chunk of work that does little per element; about 2 µs.
    static let lightChunk = 16384
    /// Elements of a chunk of work that takes an exponential or so per element.
    static let heavyChunk = 8192

    /// Cuts `0 ..< count` into pieces of `size` and runs `body` on each, on the pool when there are several.
    static func forPieces(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
        guard count > size else {
            if count > 0 { body(0..<count) }
            return
        }
        ThreadPool.shared.parallel((count + size - 1) / size) { piece in
            body(piece * size..<min(count, piece * size + size))
        }
    }

    /// Rows of `width` elements that make a chunk of about `elements`.
    static func rowsPerChunk(width: Int, elements: Int) -> Int { max(1, elements / max(1, width)) }
}

extension Tensor {
    /// The elements; whoever asks keeps the tensor alive meanwhile.
    var base: UnsafeMutablePointer<Float> { storage.base }

    /// The length of the last axis.
    var lastAxis: Int {
        guard let last = shape.last else { preconditionFailure("a scalar has no last axis") }
        return last
    }

    /// The length of the first axis.
    var firstAxis: Int {
        guard let first = shape.first else { preconditionFailure("a scalar has no first axis") }
        return first
    }

    /// How many rows of the last axis there are.
    var rowCount: Int { Tensor.count(of: Array(shape.dropLast())) }
}
