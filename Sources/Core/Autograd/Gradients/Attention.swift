public import Tensors

/// Softmax attention: softmax(q·kᵀ/√(c/heads))·v for each head, heads being consecutive chunks of the channels.
///
/// - Parameters:
///   - query: [outer, q, inner, c]: the sequence runs along the second axis, so that inner = 1 is spatial or text
///     attention and [b, f, h·w, c] is attention over frames at each place, with nothing moved. [outer, q, c] is read as
///     inner = 1.
///   - key: [outerK, k, inner, c] with outer = outerK·r: r consecutive queries share one context (the frames of a clip
///     its text).
///   - value: as `key`.
///   - heads: Must divide c.
///   - isCausal: Query i sees keys ≤ i only.
public func attention(
    query: Variable, key: Variable, value: Variable, heads: Int, isCausal: Bool = false
) -> Variable {
    fatalError()
}
