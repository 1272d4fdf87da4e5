import Foundation
import Layers
import Models
import Tensors
import Testing

/// A line of diffusion.md section 12: mean, rms, and the elements at 0, 1, 2, 3, n/2, n-1.
struct Golden: Sendable {
    let mean: Double
    let rms: Double
    let values: [Double]

    init(_ mean: Double, _ rms: Double, _ values: [Double]) {
        self.mean = mean
        self.rms = rms
        self.values = values
    }

    /// Expects a tensor in the reference's layout to be this, relative to its size.
    func expect(
        _ tensor: Tensor, tolerance: Double = 1e-4, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let all = tensor.values.map(Double.init)
        let n = all.count
        let scale = max(1, rms)
        let found = all.reduce(0, +) / Double(n)
        let size = (all.reduce(0) { $0 + $1 * $1 } / Double(n)).squareRoot()
        #expect(abs(found - mean) <= tolerance * scale, "mean \(found), not \(mean)", sourceLocation: sourceLocation)
        #expect(abs(size - rms) <= tolerance * scale, "rms \(size), not \(rms)", sourceLocation: sourceLocation)
        for (index, value) in zip([0, 1, 2, 3, n / 2, n - 1], values) {
            #expect(
                abs(all[index] - value) <= tolerance * scale, "[\(index)] is \(all[index]), not \(value)",
                sourceLocation: sourceLocation)
        }
    }
}

/// UNet "A" of diffusion.md 12.2, filled by name.
enum ReferenceUNet {
    static func make(_ source: some WeightSource = ReferenceFill()) throws -> UNet3DConditionModel {
        var configuration = UNet3DConditionModel.Configuration()
        configuration.blockOutChannels = [32, 64]
        configuration.downBlocksHaveAttention = [true, false]
        configuration.upBlocksHaveAttention = [false, true]
        configuration.layersPerBlock = 1
        configuration.crossAttentionDimension = 24
        configuration.headDimensions = [8, 8]
        configuration.groups = 8
        return try UNet3DConditionModel(configuration, Weights(source))
    }
}

/// The norm of a difference, relative to that of what is expected.
func relativeError(_ found: Tensor, _ expected: Tensor) -> Float {
    (Kernels.sumOfSquares(Kernels.subtract(found, expected)) / Kernels.sumOfSquares(expected)).squareRoot()
}
