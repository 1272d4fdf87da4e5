public import Autograd
public import Tensors

/// Equation 3 of the paper: E_r = W₂·GELU(W₁·[MeanPool(ψ(V)), τ(s)]), added to the embedding of the motion's word.
///
/// The same MLP for every token of the word (diffusion.md 8.7). Video first, then token; biases; exact GELU.
public struct MotionEnhancer {
    /// W₁ `[hidden, video + token]`, its bias, W₂ `[token, hidden]`, its bias.
    public let variables: [Variable]

    /// A trained MLP.
    public init(weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, isTrainable: Bool = false) {
        precondition(
            weight1.shape.count == 2 && weight2.shape.count == 2 && bias1.shape == [weight1.shape[0]]
                && weight2.shape[1] == weight1.shape[0] && bias2.shape == [weight2.shape[0]]
                && weight1.shape[1] > weight2.shape[0],
            "motion enhancer of \(weight1.shape), \(bias1.shape), \(weight2.shape), \(bias2.shape)")
        variables = [weight1, bias1, weight2, bias2].map { Variable($0, requiresGradient: isTrainable) }
    }

    /// An MLP to train: W₁ as torch begins a Linear, W₂ zeros, so that E_r is 0 at step 0.
    public init(video: Int, token: Int, hidden: Int, using generator: Generator) {
        let bound = 1 / Float(video + token).squareRoot()
        func uniform(_ name: String, _ shape: [Int]) -> Tensor {
            var generator = generator.split(name)
            var tensor = generator.uniform(shape)
            tensor.write { for i in $0.indices { $0[i] = (2 * $0[i] - 1) * bound } }
            return tensor
        }
        self.init(
            weight1: uniform("fc1.weight", [hidden, video + token]), bias1: uniform("fc1.bias", [hidden]),
            weight2: Tensor(zeros: [token, hidden]), bias2: Tensor(zeros: [token]), isTrainable: true)
    }

    /// Width of a token's embedding.
    public var tokenWidth: Int { variables[2].shape[0] }

    /// Width of a video's embedding.
    public var videoWidth: Int { variables[0].shape[1] - tokenWidth }

    /// E_r for each token of the word.
    ///
    /// - Parameters:
    ///   - video: the mean of the frames' embeddings, `[d]`.
    ///   - tokens: the text encoder's output at the word, `[pieces, D]`.
    /// - Returns: `[pieces, D]`.
    public func residual(video: Tensor, tokens: Tensor) -> Variable {
        precondition(
            video.count == videoWidth && tokens.shape.count == 2 && tokens.shape[1] == tokenWidth,
            "video \(video.shape), tokens \(tokens.shape) for an enhancer of \(videoWidth) and \(tokenWidth)")
        let pieces = tokens.shape[0]
        let row = video.values
        let token = tokens.values
        let joined = (0..<pieces).flatMap { row + token[$0 * tokenWidth..<($0 + 1) * tokenWidth] }
        let input = Variable(Tensor([pieces, videoWidth + tokenWidth], joined))
        return linear(
            linear(input, weight: variables[0], bias: variables[1]).gelu(), weight: variables[2], bias: variables[3])
    }

    /// Equation 4: the text's embedding with E_r added at the motion's word.
    ///
    /// - Parameters:
    ///   - context: `[1, L, D]`.
    ///   - video: `[d]`.
    ///   - tokens: where the word stands.
    public func enhanced(
        _ context: Tensor, video: Tensor, tokens: Range<Int>
    ) -> (context: Variable, residual: Variable) {
        let residual = residual(video: video, tokens: MotionEnhancer.rows(tokens, of: context))
        return (Variable(context).scatterAdding(residual, at: Array(tokens)), residual)
    }

    /// The embeddings of some positions of `[1, L, D]`: `[count, D]`.
    public static func rows(_ positions: Range<Int>, of context: Tensor) -> Tensor {
        precondition(
            context.shape.count == 3 && context.shape[0] == 1 && positions.upperBound <= context.shape[1],
            "positions \(positions) of a context \(context.shape)")
        let width = context.shape[2]
        return Tensor(
            [positions.count, width],
            context.read { Array($0[positions.lowerBound * width..<positions.upperBound * width]) })
    }

    /// The tensors under their names in `motrans_adapter.safetensors`.
    public func exported() -> [(name: String, tensor: Tensor)] {
        zip(MotionEnhancer.names, variables).map { ($0, $1.value) }
    }

    /// The tensors in the order of `variables`: weight and bias of the first layer, and of the second.
    public static let names = [
        "motion_enhancer.fc1.weight", "motion_enhancer.fc1.bias", "motion_enhancer.fc2.weight",
        "motion_enhancer.fc2.bias",
    ]
}
