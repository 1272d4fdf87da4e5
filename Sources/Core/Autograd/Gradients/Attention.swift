import Tensors
import Tracing

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
    let (q, k, v) = (query.value, key.value, value.value)
    // Scores and sums are two products. The backward makes the scores again, and four more.
    let products = { (count: Int) in isCausal ? nil : count * 2 * q.count * k.shape[1] }
    let y = Trace.operation("attention", [q.shape, k.shape], flops: { _ in products(2) }) {
        Kernels.attention(q, k, v, heads: heads, causal: isCausal)
    }
    guard let parents = recorded([query, key, value]) else { return Variable(y) }
    let needs = parents.map { $0 != nil }
    return Variable(y, parents: parents) { gradient in
        let (dq, dk, dv) = Trace.operation("attention backward", [q.shape, k.shape], flops: { _ in products(5) }) {
            Kernels.attentionBackward(gradient, q: q, k: k, v: v, heads: heads, causal: isCausal)
        }
        return [needs[0] ? dq : nil, needs[1] ? dk : nil, needs[2] ? dv : nil]
    }
}
