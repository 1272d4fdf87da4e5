import Autograd
import Layers
import Tensors
import Testing

/// The checks of reference section 12.0, and the activations of 12.1.
struct ReferenceFillTests {
    @Test func `names hash as FNV-1a`() { #expect(ReferenceFill.hash("conv_in.weight") == 0xb1e7_9747) }

    @Test func `weights and inputs have the reference's numbers`() {
        let weight = ReferenceFill().tensor("conv_in.weight", shape: [32, 4, 3, 3]).values
        #expect(weight.count == 32 * 36)
        #expect(
            isClose(
                Tensor([3], Array(weight.prefix(3))), Tensor([3], [-0.032248218, -0.195606381, -0.098879993]),
                tolerance: 1e-8))
        let input = ReferenceFill.input("sample", [1, 4, 3, 8, 8]).values
        #expect(
            isClose(
                Tensor([3], Array(input.prefix(3))), Tensor([3], [0.141802296, -0.633260489, 0.269695580]),
                tolerance: 1e-7))
    }

    @Test func `vectors and scalars have rules of their own`() {
        let fill = ReferenceFill()
        let v: [Float] = [-0.1117111, -0.67760035, -0.34253034]
        let scale = fill.tensor("conv_in.weight", shape: [3])
        #expect(isClose(scale, Tensor([3], v.map { 1 + 0.25 * $0 }), tolerance: 1e-6))
        #expect(fill.tensor("norm.bias", shape: [50]).values.allSatisfy { abs($0) <= 0.1 })
        #expect(fill.tensor("logit_scale", shape: []) == Tensor(2.6592))
    }

    @Test func `GELU and quick GELU`() {
        let x = Variable(Tensor([3], [-1, 0.5, 2]))
        #expect(isClose(x.gelu().value, Tensor([3], [-0.158655, 0.345731, 1.954500]), tolerance: 2e-6))
        #expect(isClose(x.quickGelu().value, Tensor([3], [-0.154204, 0.350388, 1.935659]), tolerance: 2e-6))
    }
}
