public import Autograd
public import Layers
public import Tensors

/// Equation 2 of the paper: h_t = h_s + broadcast(W_p·ψ), so that appearance need not be learned by the temporal layers.
///
/// One bias-free projection `[C, d]` for each temporal transformer that follows a spatial one (diffusion.md 8.2); ψ is
/// the embedding of a frame, the same for all frames and positions of a forward pass.
public struct AppearanceInjector {
    /// A place in the network that takes a row.
    public struct Site: Hashable, Sendable {
        /// Module path of the temporal transformer.
        public let path: String
        /// Its channels.
        public let channels: Int

        /// A site as it is.
        public init(path: String, channels: Int) {
            self.path = path
            self.channels = channels
        }

        /// The sites of a network: every `temp_attentions` module, not `transformer_in`.
        public static func all(in weights: Weights) -> [Site] {
            weights.parameters.compactMap { parameter in
                let suffix = ".norm.weight"
                guard parameter.name.contains("temp_attentions."), parameter.name.hasSuffix(suffix) else { return nil }
                return Site(
                    path: String(parameter.name.dropLast(suffix.count)), channels: parameter.referenceShape[0])
            }
        }
    }

    /// Where in a temporal transformer the rows go in (diffusion.md 8.2).
    public enum Point: String, Sendable, CaseIterable {
        /// Into its input, so that they travel on its residual too: the paper to the letter.
        case input
        /// Behind its norm and input projection; its residual stays clean, as in DreamVideo.
        case inner

        func path(_ site: Site) -> String { self == .input ? site.path : "\(site.path).proj_in" }
    }

    /// W_p of each site, in the order of the network.
    public let projections: [(site: Site, weight: Variable)]
    /// Where the rows go in.
    public let point: Point
    /// Sum, or for an ablation product with 1 + W_p·ψ (diffusion.md 8.1).
    public let fusion: Adapters.Fusion
    /// Whether ψ is scaled to length 1 before W_p (diffusion.md 8.4).
    public let normalisesEmbedding: Bool

    /// Projections as they are, each `[site.channels, d]`.
    public init(
        _ projections: [(site: Site, weight: Variable)], point: Point = .input, fusion: Adapters.Fusion = .add,
        normalisesEmbedding: Bool = false
    ) {
        for (site, weight) in projections {
            precondition(
                weight.shape.count == 2 && weight.shape[0] == site.channels, "W_p \(weight.shape) at \(site.path)")
        }
        self.projections = projections
        self.point = point
        self.fusion = fusion
        self.normalisesEmbedding = normalisesEmbedding
    }

    /// Projections to train: zeros, so that the network is the pretrained one at step 0 (diffusion.md 8.3).
    public init(
        sites: [Site], embedding width: Int, point: Point = .input, fusion: Adapters.Fusion = .add,
        normalisesEmbedding: Bool = false
    ) {
        self.init(
            sites.map { ($0, Variable(Tensor(zeros: [$0.channels, width]), requiresGradient: true)) }, point: point,
            fusion: fusion, normalisesEmbedding: normalisesEmbedding)
    }

    /// Lets a forward pass see embeddings `[b, d]`: W_p·ψ, `[b, C]`, at every site.
    public func inject(_ embedding: Tensor, into adapters: inout Adapters) {
        let psi = Variable(normalisesEmbedding ? Self.normalised(embedding) : embedding)
        adapters.fusion = fusion
        for (site, weight) in projections { adapters.injections[point.path(site)] = linear(psi, weight: weight) }
    }

    /// Rows scaled to length 1; a row of zeros, which is no image, stays one.
    private static func normalised(_ rows: Tensor) -> Tensor {
        var result = rows
        let width = rows.shape[1]
        result.write { values in
            for start in stride(from: 0, to: values.count, by: width) {
                let row = start..<start + width
                let length = values[row].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                guard length > 0 else { continue }
                for i in row { values[i] = Float(Double(values[i]) / length) }
            }
        }
        return result
    }

    /// What an optimiser trains.
    public var variables: [Variable] { projections.map(\.weight) }

    /// Width of the embeddings that it takes.
    public var embeddingWidth: Int { projections.first?.weight.shape[1] ?? 0 }

    /// The tensors under their names in `motrans_adapter.safetensors`.
    public func exported() -> [(name: String, tensor: Tensor)] {
        projections.map { ("appearance_injector.\($0.site.path).weight", $0.weight.value) }
    }
}
