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

    /// W_p of each site, in the order of the network.
    public let projections: [(site: Site, weight: Variable)]

    /// Projections as they are, each `[site.channels, d]`.
    public init(_ projections: [(site: Site, weight: Variable)]) {
        for (site, weight) in projections {
            precondition(
                weight.shape.count == 2 && weight.shape[0] == site.channels, "W_p \(weight.shape) at \(site.path)")
        }
        self.projections = projections
    }

    /// Projections to train: zeros, so that the network is the pretrained one at step 0 (diffusion.md 8.3).
    public init(sites: [Site], embedding width: Int) {
        self.init(
            sites.map { ($0, Variable(Tensor(zeros: [$0.channels, width]), requiresGradient: true)) })
    }

    /// W_p·ψ of every site: path to `[b, C]`, for embeddings `[b, d]`.
    public func rows(for embedding: Tensor) -> [String: Variable] {
        let psi = Variable(embedding)
        return Dictionary(
            uniqueKeysWithValues: projections.map { ($0.site.path, linear(psi, weight: $0.weight)) })
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
