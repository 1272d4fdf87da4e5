import Models
public import StageKit

/// How much text the text encoder reads.
///
/// Opens the tokenizer alone, not the network.
public struct PromptLimit: Sendable {
    private let tokenizer: CLIPTokenizer

    /// Opens the tokenizer of a model set.
    ///
    /// Throws when the set has none.
    public init(_ set: ModelSet) throws { tokenizer = try set.tokenizer() }

    /// Whether the end of a prompt is beyond what the text encoder reads.
    public func isCutOff(_ prompt: String) -> Bool { tokenizer.encoding(prompt).isTruncated }
}
