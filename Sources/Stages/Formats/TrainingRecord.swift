public import Artifacts
import Foundation
public import StageKit

/// What `training.json` says beside trained weights: how the loss went, and under which settings.
public struct TrainingRecord: Codable, Sendable {
    /// One optimiser step.
    public struct Step: Codable, Hashable, Sendable {
        /// Which clip was looked at.
        public let clip: Int
        /// The noise level.
        public let timestep: Int
        /// What was minimised.
        public let loss: Double
        /// What it is made of, by name.
        public let parts: [String: Double]

        /// A step as it was.
        public init(clip: Int, timestep: Int, loss: Double, parts: [String: Double] = [:]) {
            self.clip = clip
            self.timestep = timestep
            self.loss = loss
            self.parts = parts
        }
    }

    /// In order.
    public var steps: [Step]
    /// The prompts of the clips.
    public let prompts: [String]
    /// How many numbers were trained.
    public let parameters: Int
    /// Every setting, by its name in pipeline files.
    public let settings: [String: JSONSetting]

    /// A record of a training.
    public init(steps: [Step], prompts: [String], parameters: Int, settings: some StageSettings) {
        self.steps = steps
        self.prompts = prompts
        self.parameters = parameters
        self.settings = settings.values.mapValues(JSONSetting.init)
    }

    /// The file inside the artifact.
    public static let fileName = "training.json"

    /// Writes `training.json`, or one in a folder of the artifact.
    ///
    /// Throws what the disk throws.
    public func write(to output: OutputFolder, in folder: String = "") throws {
        try JSONFile.write(self, to: output.file(folder.isEmpty ? Self.fileName : "\(folder)/\(Self.fileName)"))
    }

    /// Reads the record of a `spatial-lora` or `motion-adapter` artifact.
    ///
    /// Throws `FormatError` when it is amiss.
    public static func read(_ artifact: InputArtifact, in folder: String = "") throws -> TrainingRecord {
        try JSONFile.read(Self.self, folder.isEmpty ? fileName : "\(folder)/\(fileName)", of: artifact)
    }
}

/// A setting's value as JSON has it.
public enum JSONSetting: Codable, Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSONSetting])
    case map([String: JSONSetting])

    /// Reads any JSON value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONSetting].self) {
            self = .list(value)
        } else {
            self = .map(try container.decode([String: JSONSetting].self))
        }
    }

    /// Writes the JSON value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .map(let value): try container.encode(value)
        }
    }

    /// The JSON of a setting's value.
    public init(_ value: Value) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .number(Double(value))
        case .double(let value): self = .number(value)
        case .string(let value): self = .text(value)
        case .list(let values): self = .list(values.map(JSONSetting.init))
        case .map(let values): self = .map(values.mapValues(JSONSetting.init))
        }
    }
}
