internal import CKernels

/// How the matrices of a model's frozen layers are kept and multiplied.
///
/// Sums, activations, normalisations, softmax and gradients are float32 in any; so is everything that is trained.
public enum Precision: String, Sendable, Hashable, CaseIterable, Codable {
    /// Weights and operands of products are float32.
    case float32
    /// Weights are kept in half precision, half the memory, and widened to float32 as they are multiplied.
    ///
    /// Of a model whose files are float16, the numbers are those of `float32` bit by bit; other weights are rounded, with a
    /// relative error of 2⁻¹¹ (and to 2⁻²⁵ below 6e-5; beyond 65,504 they would be infinite). LoRAs are not merged into
    /// such weights but act beside them, which rounds otherwise.
    case fp16
    /// Weights are bfloat16: half the memory, but for what convolutions keep transformed in float32; a relative error of
    /// about 2⁻⁹ per weight. Where the processor multiplies
    /// bfloat16 itself (AVX-512 BF16), activations are rounded as they enter a product.
    case bf16

    /// How kernels call it.
    var storage: ck_storage {
        switch self {
        case .float32: ck_float
        case .fp16: ck_half
        case .bf16: ck_brain
        }
    }

    /// Whether two numbers lie in the place of a float.
    var isPaired: Bool { self != .float32 }
}
