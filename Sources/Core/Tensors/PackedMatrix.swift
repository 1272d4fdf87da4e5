internal import CKernels
import Foundation
import Synchronization

/// The weight of a frozen layer, packed once for products, in the precision it is multiplied in.
///
/// The tensor it was packed from is not kept. A linear weight is [out, in], that of a convolution [out, kh, kw, in]; products take
/// its rows as columns of their right side.
public final class PackedMatrix: Sendable {
    /// The shape of the weight.
    public let shape: [Int]
    /// How the numbers are kept.
    public let precision: Precision
    let panels: Storage
    /// Whether the matrix is made for one product: nothing that is made of it is worth keeping.
    private let isTransient: Bool
    /// What is made of the panels when it is first asked for, and kept while the process has memory for it.
    private let kept = Mutex(Kept())

    private struct Kept {
        var winograd: Storage?
        var turned: PackedMatrix?
        var floats = 0
    }

    /// Floats that all matrices keep beside their panels: a sixty-fourth of the machine's memory at most.
    ///
    /// Whether something is kept decides nothing but time.
    private static let keptFloats = Atomic(0)
    private static let mostFloats = Int(ProcessInfo.processInfo.physicalMemory / 256)

    deinit {
        let floats = kept.withLock { $0.floats }
        if floats > 0 { PackedMatrix.keptFloats.wrappingSubtract(floats, ordering: .relaxed) }
    }

    /// Keeps something of `floats`, if there is room.
    private func keep(_ floats: Int, _ assign: (inout Kept) -> Void) {
        let before = PackedMatrix.keptFloats.wrappingAdd(floats, ordering: .relaxed).oldValue
        guard before + floats <= PackedMatrix.mostFloats else {
            PackedMatrix.keptFloats.wrappingSubtract(floats, ordering: .relaxed)
            return
        }
        kept.withLock { kept in
            kept.floats += floats
            assign(&kept)
        }
    }

    /// Packs `weight` [out, in] or [out, kh, kw, in]; `isTransient`: for one product.
    public init(_ weight: Tensor, precision: Precision = .float32, isTransient: Bool = false) {
        self.isTransient = isTransient
        precondition(weight.rank == 2 || weight.rank == 4, "a weight of shape \(weight.shape) cannot be packed")
        (shape, self.precision) = (weight.shape, precision)
        let (pieces, depth, columns) = PackedMatrix.sizes(weight.shape)
        let stride = PackedMatrix.panelStride(pieces: pieces, depth: depth, isPaired: precision.isPaired)
        let storage = Storage(count: (columns + PackedMatrix.panel - 1) / PackedMatrix.panel * stride)
        withExtendedLifetime(weight) {
            let (from, to) = (weight.base, storage.base)
            PackedMatrix.forPanels(columns: columns, stride: stride) { first, last in
                ck.pack_panels(
                    from + first * PackedMatrix.panel * pieces * depth, 1, pieces * depth, pieces, depth,
                    min(columns, last * PackedMatrix.panel) - first * PackedMatrix.panel, precision.storage,
                    to + first * stride)
            }
        }
        panels = storage
    }

    init(shape: [Int], precision: Precision, panels: Storage, isTransient: Bool) {
        self.isTransient = isTransient
        (self.shape, self.precision, self.panels) = (shape, precision, panels)
    }

    /// The weight, unpacked; of 16 bits as it was rounded.
    public var weight: Tensor {
        let (pieces, depth) = (pieces, depth)
        return Tensor(shape) { out in
            guard let to = out.baseAddress else { return }
            Kernels.forPieces(of: outputs, size: Kernels.rowsPerChunk(width: pieces * depth, elements: 65536)) {
                ck.unpack_panels(
                    panels.base, pieces, depth, $0.lowerBound, $0.count, precision.storage,
                    to + $0.lowerBound * pieces * depth)
            }
        }
    }

    /// The packed matrix of the gradient of a product's left side: [in, out], or [in, kh, kw, out] turned round.
    func turned() -> PackedMatrix {
        if let known = kept.withLock({ $0.turned }) { return known }
        let (pieces, depth, columns) = (pieces, depth, outputs)
        let stride = PackedMatrix.panelStride(pieces: pieces, depth: columns, isPaired: precision.isPaired)
        let storage = Storage(count: (depth + PackedMatrix.panel - 1) / PackedMatrix.panel * stride)
        let (from, to) = (panels.base, storage.base)
        PackedMatrix.forPanels(columns: depth, stride: stride) {
            ck.turn_panels(from, pieces, depth, columns, $0, $1, precision.storage, to)
        }
        let shape = shape.count == 2 ? [depth, columns] : [depth, shape[1], shape[2], columns]
        let isKept = !isTransient && storage.count <= PackedMatrix.turnedAtMost
        let turned = PackedMatrix(shape: shape, precision: precision, panels: storage, isTransient: !isKept)
        if isKept { keep(storage.count) { $0.turned = turned } }
        return turned
    }

    // MARK: LoRA

    /// Whether the weight plus a product of rank r, made anew for each product with `rows` rows, is less work than the
    /// product of rank r added to each row; 16 bits would round small additions away.
    func isWorthMerging(rows: Int) -> Bool {
        precision == .float32 && rows * (outputs + depth) >= 4 * outputs * depth
    }

    /// weight + scale · up · down of a linear weight [out, in], for up [out, r] and down [r, in].
    func merged(down: Tensor, up: Tensor, scale: Float) -> PackedMatrix {
        let rank = down.shape[0]
        precondition(
            pieces == 1 && precision == .float32 && down.shape == [rank, depth] && up.shape == [outputs, rank],
            "merging \(up.shape) × \(down.shape) into \(shape)")
        let up = scale == 1 ? up : Kernels.scale(up, by: scale)
        let merged = Storage(count: panels.count)
        // Column j of a strip is row j of the weight, so the strips are downᵀ · upᵀ, strip by strip.
        let right = PackedMatrix(up)
        let left = ck_left(
            base: down.base, row: 1, column: depth, rows: nil, row_count: 0, pieces: 1, depth: rank)
        let (strip, strips) = (ck.strip, panels.count / max(1, depth * ck.strip))
        withExtendedLifetime((down, right)) {
            let (from, to, factor) = (panels.base, merged.base, right.panels.base)
            Kernels.forPieces(of: strips, size: Kernels.rowsPerChunk(width: depth * strip, elements: 16384)) {
                for index in $0 {
                    let end = ck_epilogue(
                        bias: nil, add: UnsafePointer(from + index * depth * strip), add_row: strip, sharing: 1,
                        first_row: 0, adding: false, activation: ck_no_activation)
                    let part = ck_right(
                        panels: factor + index * rank * strip, strip_stride: rank * strip, row: strip,
                        storage: ck_float)
                    ck.product(left, part, end, to + index * depth * strip, strip, depth, strip)
                }
            }
        }
        return PackedMatrix(shape: shape, precision: precision, panels: merged, isTransient: true)
    }

    // MARK: Winograd

    /// Floats of a transformed weight that is kept at most: 64 MiB.
    ///
    /// Larger ones are made anew for each product, which costs it some 5 %.
    static let keptAtMost = 16 << 20

    /// Floats of a turned matrix that is kept at most: turning a larger one is little beside its product.
    static let turnedAtMost = 2 << 20

    /// The weight of a 3 × 3 or 3 × 1 kernel at Winograd's points, kept if there is room.
    func winogradWeights() -> Storage {
        if let known = kept.withLock({ $0.winograd }) { return known }
        let weights = Storage(count: panelCount * winogradPanelSize)
        transform(0..<panelCount, into: weights.base)
        keep(weights.count) { $0.winograd = weights }
        return weights
    }

    /// Writes some panels of the weight at Winograd's points.
    func transform(_ panels: Range<Int>, into to: UnsafeMutablePointer<Float>) {
        let (from, depth, storage, isSquare, size) = (
            self.panels.base, depth, precision.storage, shape[2] == 3, winogradPanelSize
        )
        // The kernel counts panels from the first of the matrix.
        let start = to - panels.lowerBound * size
        Kernels.forPieces(of: panels.count, size: Kernels.rowsPerChunk(width: size, elements: 32768)) {
            ck.winograd_weights(
                from, storage, depth, isSquare, panels.lowerBound + $0.lowerBound,
                panels.lowerBound + $0.upperBound, start)
        }
    }

    /// Floats of a panel at Winograd's points.
    var winogradPanelSize: Int { ck.winograd_weights_size(depth, PackedMatrix.panel, shape[2] == 3) }

    /// Panels that are transformed at once where nothing is kept.
    var winogradPanelsAtOnce: Int { max(1, PackedMatrix.keptAtMost / max(1, winogradPanelSize)) }

    /// How many panels there are.
    var panelCount: Int { (outputs + PackedMatrix.panel - 1) / PackedMatrix.panel }

    /// Whether the transformed weight will be there the next time, if there is room.
    var keepsWinograd: Bool {
        !isTransient && panelCount * winogradPanelSize <= PackedMatrix.keptAtMost
    }

    // MARK: sizes

    /// Columns that are packed together.
    static let panel = 32

    /// Pieces of the inner axis: the taps of a convolution.
    var pieces: Int { PackedMatrix.sizes(shape).pieces }
    /// Length of a piece: channels going in.
    var depth: Int { PackedMatrix.sizes(shape).depth }
    /// Channels coming out.
    var outputs: Int { shape[0] }

    private static func sizes(_ shape: [Int]) -> (pieces: Int, depth: Int, columns: Int) {
        shape.count == 2 ? (1, shape[1], shape[0]) : (shape[1] * shape[2], shape[3], shape[0])
    }

    /// Floats of a panel; pairs of 16 bits are as long as a float.
    static func panelStride(pieces: Int, depth: Int, isPaired: Bool) -> Int {
        pieces * (isPaired ? (depth + 1) / 2 : depth) * panel
    }

    /// Runs `body` on ranges of panels, on the pool.
    static func forPanels(columns: Int, stride: Int, _ body: (_ first: Int, _ last: Int) -> Void) {
        let panels = (columns + panel - 1) / panel
        Kernels.forPieces(of: panels, size: Kernels.rowsPerChunk(width: stride, elements: 32768)) {
            body($0.lowerBound, $0.upperBound)
        }
    }
}
