/// How one element of a stored tensor is written down.
///
/// Raw values are the spellings of safetensors headers.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case uint8 = "U8"
    case bool = "BOOL"

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16: 2
        case .uint8, .bool: 1
        }
    }

    /// Whether elements are whole numbers or truth values, which `Checkpoint.integers` gives exactly.
    public var isInteger: Bool {
        switch self {
        case .int64, .int32, .uint8, .bool: true
        case .float64, .float32, .float16, .bfloat16: false
        }
    }
}
