/// Where a linear layer sits in a model: what an adapter needs to know of it.
public struct LinearSite: Sendable, Hashable {
    /// The module path in the reference's spelling, as `mid_block.attentions.0.transformer_blocks.0.attn1.to_q`.
    public let path: String
    /// Input channels.
    public let inputs: Int
    /// Output channels.
    public let outputs: Int

    /// Makes a site.
    public init(path: String, inputs: Int, outputs: Int) {
        self.path = path
        self.inputs = inputs
        self.outputs = outputs
    }
}

/// Which linear layers of a UNet an adapter trains (MoTrans §3.1 and MotionDirector).
public enum LoRATargets: String, Sendable, Hashable, CaseIterable, Codable {
    /// Self-attention and feed-forward of the spatial transformers: `attn1`, `ff` under `attentions`.
    case spatial
    /// Both attentions (each over frames) and feed-forward of the temporal transformers: `attn1`, `attn2`, `ff` under
    /// `temp_attentions` and `transformer_in`.
    case temporal
    /// As `temporal`, without `transformer_in`.
    case temporalWithoutInput

    /// Whether the layer at `path` is one.
    public func contains(_ path: String) -> Bool {
        let parts = path.split(separator: ".")
        let isFirst = parts.contains("attn1") || parts.contains("ff")
        let isTemporal = isFirst || parts.contains("attn2")
        switch self {
        case .spatial: return parts.contains("attentions") && isFirst
        case .temporal:
            return (parts.contains("temp_attentions") || parts.first == "transformer_in") && isTemporal
        case .temporalWithoutInput: return parts.contains("temp_attentions") && isTemporal
        }
    }

    /// Those among `sites`.
    public func choose(_ sites: [LinearSite]) -> [LinearSite] { sites.filter { contains($0.path) } }
}
