import Autograd
import Tensors
import Testing

/// The backward of what decoders of text need, against finite differences.
struct DecoderGradientTests {
    @Test func `RMS normalisation`() {
        checkGradients([normal([2, 3, 7], seed: 1), normal([7], seed: 2)]) {
            rmsNorm($0[0], weight: $0[1], epsilon: 1e-5)
        }
    }

    @Test func `rotation of pairs`() {
        let (cosines, sines) = (normal([3, 2], seed: 2), normal([3, 2], seed: 3))
        checkGradients([normal([2, 3, 12], seed: 1)]) { rotated($0[0], cosines: cosines, sines: sines, heads: 3) }
    }

    @Test func `a gate through SiLU`() {
        checkGradients([normal([3, 5], seed: 1), normal([3, 5], seed: 2)]) { $0[0].silu() * $0[1] }
    }

    @Test func `cross-entropy, of rows that count`() {
        checkGradients([normal([4, 6], seed: 1)]) { crossEntropy($0[0], targets: [5, nil, 0, 3]) }
        let x = Variable(Tensor([2, 2], [0, 0, 3, -8]))
        #expect(abs(crossEntropy(x, targets: [1, nil]).value.scalar - 0.693147) < 1e-6)
    }

    /// Queries in `sharing` sequences that share their keys, as a decoder with few key heads has them.
    @Test func `causal attention with shared key heads`() {
        checkGradients([normal([1, 4, 12], seed: 1), normal([1, 4, 6], seed: 2), normal([1, 4, 6], seed: 3)]) {
            let apart = $0[0].reshaped([1, 4, 2, 2, 3]).permuted([0, 3, 1, 2, 4]).reshaped([2, 4, 6])
            return attention(query: apart, key: $0[1], value: $0[2], heads: 2, isCausal: true)
        }
    }
}
