public import Autograd
public import Layers

extension UNet3DConditionModel {
    /// What a network makes of texts before it sees a video: keys and values of every attention to the text.
    ///
    /// They are the same in every step of sampling, so it makes them once. They hold for the network and the adapters that
    /// made them, and take 2 · L · width numbers for each text and spatial transformer.
    public struct Conditioning {
        /// How many texts, m.
        public let texts: Int
        /// By the module path of the spatial transformer.
        private let known: [String: KeysAndValues]

        init(texts: Int, _ known: [String: KeysAndValues]) {
            (self.texts, self.known) = (texts, known)
        }

        subscript(transformer: SpatialTransformer) -> KeysAndValues {
            guard let found = known[transformer.path] else {
                preconditionFailure("the conditioning of another network: nothing for \(transformer.path)")
            }
            return found
        }
    }

    /// Keys and values of texts `[m, L, D]`, for any number of forward passes under them with the same adapters.
    public func conditioned(on context: Variable, adapters: Adapters = .none) -> Conditioning {
        check(context)
        let layers = downBlocks.flatMap(\.layers) + midBlock.layers + upBlocks.flatMap(\.layers)
        let known = layers.compactMap(\.attention).map { ($0.path, $0.keysAndValues(of: context, adapters)) }
        return Conditioning(texts: context.shape[0], Dictionary(uniqueKeysWithValues: known))
    }

    func check(_ context: Variable) {
        let (shape, width) = (context.shape, configuration.crossAttentionDimension)
        precondition(shape.count == 3 && shape[2] == width, "context \(shape) is not [m, L, \(width)]")
    }
}
