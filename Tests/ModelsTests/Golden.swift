import Layers
import Tensors
import Testing

@testable import Models

/// The small network A of diffusion.md 12.2.
func networkA() throws -> UNet3DConditionModel {
    var configuration = UNet3DConditionModel.Configuration()
    configuration.blockOutChannels = [32, 64]
    configuration.downBlocksHaveAttention = [true, false]
    configuration.upBlocksHaveAttention = [false, true]
    configuration.layersPerBlock = 1
    configuration.crossAttentionDimension = 24
    configuration.headDimensions = [8, 8]
    configuration.groups = 8
    return try UNet3DConditionModel(configuration, referenceWeights())
}

/// What the reference printed of a tensor: its size, mean, root of the mean square, and the elements 0, 1, 2, 3, n/2 and
/// n - 1 in the reference's row-major (channels first) order.
struct Golden: Sendable {
    let count: Int
    let mean: Double
    let rms: Double
    let values: [Double]

    init(_ count: Int, _ mean: Double, _ rms: Double, _ values: Double...) {
        self.count = count
        self.mean = mean
        self.rms = rms
        self.values = values
    }

    /// Holds a tensor to the numbers: differences up to 1e-4 of its rms.
    func expect(_ tensor: Tensor, _ name: String = "", _ location: SourceLocation = #_sourceLocation) {
        let all = tensor.values.map(Double.init)
        #expect(all.count == count, "\(name)", sourceLocation: location)
        guard all.count == count else { return }
        let mean = all.reduce(0, +) / Double(count)
        let rms = (all.reduce(0) { $0 + $1 * $1 } / Double(count)).squareRoot()
        // Printed to six digits, so half a unit of the sixth is not ours.
        let tolerance = 1e-4 * max(self.rms, 1e-3)
        #expect(abs(mean - self.mean) <= tolerance, "\(name): mean \(mean), not \(self.mean)", sourceLocation: location)
        #expect(abs(rms - self.rms) <= tolerance, "\(name): rms \(rms), not \(self.rms)", sourceLocation: location)
        let places = [0, 1, 2, 3, count / 2, count - 1]
        for (place, expected) in zip(places, values) {
            #expect(
                abs(all[place] - expected) <= tolerance, "\(name)[\(place)]: \(all[place]), not \(expected)",
                sourceLocation: location)
        }
    }
}

/// Channels first to channels last and back, for any number of axes: the first axis stays.
func channelsLast(_ x: Tensor) -> Tensor {
    let rank = x.shape.count
    return Kernels.permute(x, [0] + Array(2..<rank) + [1])
}

func channelsFirst(_ x: Tensor) -> Tensor {
    let rank = x.shape.count
    return Kernels.permute(x, [0, rank - 1] + Array(1..<rank - 1))
}

/// Weights as the goldens have them: every tensor follows from its name.
func referenceWeights() -> Weights { Weights(ReferenceFill()) }

/// ‖a - b‖ / ‖b‖.
func relativeError(_ a: [Float], _ b: [Float]) -> Double {
    let difference = zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    let size = b.reduce(0.0) { $0 + Double($1) * Double($1) }
    return (difference / max(size, 1e-30)).squareRoot()
}
