import Tensors
import Testing

struct ConvolutionCase: Sendable, CustomTestStringConvertible {
    var x: [Int]
    var weight: [Int]
    var stride = Kernels.Stride(1)
    var padding = Kernels.Padding(0)

    var testDescription: String { "\(x) * \(weight), stride \(stride.h), \(stride.w)" }

    var output: [Int] {
        [
            x[0], (x[1] + padding.top + padding.bottom - weight[1]) / stride.h + 1,
            (x[2] + padding.left + padding.right - weight[2]) / stride.w + 1, weight[0],
        ]
    }

    /// Visits every product of the convolution: indices into output, input and weight.
    func forEachProduct(_ visit: (Int, Int, Int) -> Void) {
        let (h, w, ci) = (x[1], x[2], x[3])
        let (co, kh, kw) = (weight[0], weight[1], weight[2])
        for n in 0..<x[0] {
            for oy in 0..<output[1] {
                for ox in 0..<output[2] {
                    for ky in 0..<kh {
                        for kx in 0..<kw {
                            let (iy, ix) = (oy * stride.h + ky - padding.top, ox * stride.w + kx - padding.left)
                            guard iy >= 0, iy < h, ix >= 0, ix < w else { continue }
                            for o in 0..<co {
                                let target = ((n * output[1] + oy) * output[2] + ox) * co + o
                                for i in 0..<ci {
                                    visit(target, ((n * h + iy) * w + ix) * ci + i, ((o * kh + ky) * kw + kx) * ci + i)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

@Suite struct ConvolutionTests {
    static let cases = [
        ConvolutionCase(x: [1, 1, 1, 1], weight: [1, 1, 1, 1]),
        ConvolutionCase(x: [3, 5, 7, 17], weight: [3, 1, 1, 17]),
        ConvolutionCase(x: [2, 5, 7, 3], weight: [17, 3, 3, 3], padding: .init(1)),
        ConvolutionCase(x: [3, 17, 9, 4], weight: [33, 3, 3, 4], padding: .init(1)),
        ConvolutionCase(x: [2, 9, 8, 5], weight: [3, 3, 3, 5], stride: .init(2), padding: .init(1)),
        // The VAE's encoder pads on the right and below only.
        ConvolutionCase(
            x: [3, 8, 10, 16], weight: [16, 3, 3, 16], stride: .init(2), padding: .init(bottom: 1, right: 1)),
        // Time: kernel (3, 1) over [b, f, h · w, c].
        ConvolutionCase(x: [2, 8, 15, 17], weight: [17, 3, 1, 17], padding: .init(1, 0)),
        ConvolutionCase(x: [1, 1, 33, 3], weight: [5, 3, 1, 3], padding: .init(1, 0)),
        // Patches, as a vision transformer cuts them.
        ConvolutionCase(x: [2, 16, 16, 3], weight: [33, 8, 8, 3], stride: .init(8)),
        // A kernel wider than the picture, all of it padding on one side.
        ConvolutionCase(x: [1, 2, 1, 2], weight: [3, 5, 5, 2], padding: .init(4)),
        ConvolutionCase(x: [4, 16, 16, 24], weight: [20, 3, 3, 24], padding: .init(1)),
    ]

    @Test("a kernel larger than the padded picture is refused, whatever the step")
    func tooLarge() async {
        await #expect(processExitsWith: .failure) {
            _ = Kernels.convolution(
                Tensor(zeros: [1, 1, 4, 2]), Tensor(zeros: [1, 3, 3, 2]), stride: Kernels.Stride(2),
                padding: Kernels.Padding(bottom: 1, right: 1))
        }
    }

    @Test("a convolution and its gradients agree with plain loops", arguments: cases)
    func agrees(sizes: ConvolutionCase) {
        let (x, weight) = (random(sizes.x, seed: 1), random(sizes.weight, seed: 2))
        let (bias, dy) = (random([sizes.weight[0]], seed: 3), random(sizes.output, seed: 4))
        let (inputs, weights, gradients, shift) = (x.doubles, weight.doubles, dy.doubles, bias.doubles)
        var y = (0..<dy.count).map { shift[$0 % shift.count] }
        var dx = [Double](repeating: 0, count: x.count)
        var dweight = [Double](repeating: 0, count: weight.count)
        y.withUnsafeMutableBufferPointer { y in
            dx.withUnsafeMutableBufferPointer { dx in
                dweight.withUnsafeMutableBufferPointer { dweight in
                    sizes.forEachProduct { o, i, w in
                        y[o] += inputs[i] * weights[w]
                        dx[i] += gradients[o] * weights[w]
                        dweight[w] += gradients[o] * inputs[i]
                    }
                }
            }
        }
        let (stride, padding) = (sizes.stride, sizes.padding)
        let result = Kernels.convolution(x, weight, bias, stride: stride, padding: padding)
        #expect(result.shape == sizes.output)
        expectClose(result, y, "y")
        expectClose(
            Kernels.convolutionBackwardInput(
                dy, weight: weight, inputShape: sizes.x, stride: stride, padding: padding), dx, "dx")
        expectClose(
            Kernels.convolutionBackwardWeight(
                dy, x: x, weightShape: sizes.weight, stride: stride, padding: padding), dweight, "dweight")
        var dbias = [Double](repeating: 0, count: shift.count)
        for (i, d) in gradients.enumerated() { dbias[i % shift.count] += d }
        expectClose(Kernels.convolutionBackwardBias(dy), dbias, "dbias")
    }
}
