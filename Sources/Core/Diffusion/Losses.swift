public import Autograd
import Tensors

/// What training minimises.
///
/// Predictions and targets are `[b, f, h, w, c]`.
public enum DenoisingLoss {
    /// L_org = mean((ε̂ - ε)²): Equation 1 of the paper for one frame, Equation 5 for a clip.
    public static func plain(_ prediction: Variable, _ target: Variable) -> Variable {
        meanSquaredError(prediction, target)
    }

    /// MotionDirector's appearance-debiased loss: mean((φ(ε̂) - φ(ε))²) with φ(z)_j = √(β²+1)·z_j - β·z_anchor.
    ///
    /// φ is linear, so it is taken of the difference. Over all frames, the anchor among them.
    /// - Parameter anchor: index of the anchor frame, the same for the whole batch.
    public static func appearanceDebiased(
        _ prediction: Variable, _ target: Variable, anchor: Int, beta: Float = 1
    ) -> Variable {
        let shape = prediction.shape
        precondition(shape.count == 5 && (0..<shape[1]).contains(anchor), "anchor \(anchor) in frames of \(shape)")
        let (batch, frames) = (shape[0], shape[1])
        let difference = (prediction - target).reshaped([batch, frames, -1])
        let anchors = difference.reshaped([batch * frames, -1])
            .gatheredRows((0..<batch).map { $0 * frames + anchor })
        let debiased = difference.scaled(by: (beta * beta + 1).squareRoot())
            .addingBroadcast(anchors.scaled(by: -beta))
        return debiased.sumOfSquares().scaled(by: 1 / Float(debiased.value.count))
    }

    /// L_reg = ‖E_r‖² of Equation 6: the sum over dimensions, averaged over the pieces of the motion's word.
    ///
    /// - Parameter residual: `[pieces, d]`.
    public static func regularisation(_ residual: Variable) -> Variable {
        residual.sumOfSquares().scaled(by: 1 / Float(residual.shape[0]))
    }
}
