internal import CKernels

/// What happens to a product before it is stored: activation(product + bias + addend).
public struct Epilogue: Sendable {
    /// [out].
    public var bias: Tensor?
    /// As many elements as the product, or rows [m, out] each for a run of as many consecutive rows of it.
    public var addend: Tensor?
    /// What the sum goes through.
    public var activation: Activation

    /// A function of each element, or of pairs of them.
    public enum Activation: Sendable, Hashable {
        /// As it is.
        case none
        /// x · sigmoid(x).
        case silu
        /// x · Φ(x).
        case gelu
        /// x · sigmoid(1.702 x).
        case quickGelu
        /// value · gelu(gate) of value | gate: half as many columns.
        case geglu
    }

    /// Nothing by default.
    public init(bias: Tensor? = nil, addend: Tensor? = nil, activation: Activation = .none) {
        (self.bias, self.addend, self.activation) = (bias, addend, activation)
    }

    /// Whether a gated product of these sizes can be done in one go.
    public static func canGate(columns: Int, depth: Int) -> Bool {
        columns % (2 * PackedMatrix.panel) == 0 && depth <= 6144
    }

    /// Whether there is nothing but a bias.
    var isBias: Bool { addend == nil && activation == .none }

    /// What of it belongs to a term of a sum of products: the first brings what is added, the last the activation.
    func term(_ index: Int, of count: Int) -> Epilogue {
        Epilogue(
            bias: index == 0 ? bias : nil, addend: index == 0 ? addend : nil,
            activation: index == count - 1 ? activation : .none)
    }

    func check(columns: Int, rows: Int) {
        if let bias { precondition(bias.shape == [columns], "bias \(bias.shape) of a product of \(columns) columns") }
        guard let addend, rows > 0 else { return }
        precondition(
            addend.lastAxis == columns && addend.rowCount > 0 && rows % addend.rowCount == 0,
            "adding \(addend.shape) to a product [\(rows), \(columns)]")
    }

    /// For the rows and columns from `row` and `column` on, of a product [rows, columns].
    func part(row: Int, column: Int, of rows: Int, columns: Int) -> ck_epilogue {
        let kind: ck_activation =
            switch activation {
            case .none: ck_no_activation
            case .silu: ck_silu_activation
            case .gelu: ck_gelu_activation
            case .quickGelu: ck_quick_gelu_activation
            case .geglu: ck_geglu_activation
            }
        return ck_epilogue(
            bias: bias.map { UnsafePointer($0.base + column) }, add: addend.map { UnsafePointer($0.base + column) },
            add_row: columns, sharing: addend.map { rows / max(1, $0.rowCount) } ?? 1, first_row: row, adding: false,
            activation: kind)
    }
}
