public import Artifacts
public import Foundation

/// A part of a model set: each is a folder in the layout that diffusers or transformers write.
public enum ModelPart: String, Hashable, Sendable, CaseIterable {
    case unet
    case vae
    case textEncoder = "text-encoder"
    case tokenizer
    case scheduler
    case imageEncoder = "image-encoder"
    case videoEncoder = "video-encoder"
    case captioner
}

/// Where the parts of a model lie, and the settings it works best with.
public struct ModelSet: Hashable, Sendable {
    /// How people call it.
    public let name: String
    /// The folder of each part that the set has.
    public let folders: [ModelPart: URL]
    /// Defaults per stage kind: they stand in for a stage's own, and below all that a pipeline file says.
    public let recommended: [StageKind: [String: Value]]
    /// What the set says of the `precision` of all stages, nil when it says nothing.
    ///
    /// It is in `recommended` for each stage that has such a setting and is not told otherwise there.
    public let precision: String?

    /// A model set as it is.
    public init(
        name: String, folders: [ModelPart: URL], recommended: [StageKind: [String: Value]] = [:],
        precision: String? = nil
    ) {
        self.name = name
        self.folders = folders
        self.recommended = recommended
        self.precision = precision
    }
}
