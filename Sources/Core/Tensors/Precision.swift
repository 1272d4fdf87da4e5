/// How the matrices of a model's frozen layers are kept and multiplied.
///
/// Sums, activations, normalisations, softmax and gradients are float32 in either; so is everything that is trained.
public enum Precision: String, Sendable, Hashable, CaseIterable, Codable {
    /// Weights and operands of products are float32.
    case float32
    /// Weights are bfloat16: half the memory, but for what convolutions keep transformed in float32; a relative error of about 2⁻⁹ per weight. Where the processor multiplies
    /// bfloat16 itself (AVX-512 BF16), activations are rounded as they enter a product.
    case bf16
}
