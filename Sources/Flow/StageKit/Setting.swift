public import Artifacts

/// The settings of a stage: a struct of `@Setting` properties, each with a default and a line of help.
///
/// ```swift
/// struct Settings: StageSettings {
///     @Setting("optimiser steps", in: 1...1_000_000) var steps = 600
///     @Setting("learning rate", in: 0...1) var learningRate = 5e-4
/// }
/// ```
/// A property `learningRate` is `learning-rate` in pipeline files. `Settings()` are the defaults.
public protocol StageSettings: Codable, Sendable {
    init()
}

/// One setting: its value and what a pipeline file may say about it.
@propertyWrapper
public struct Setting<Wrapped: SettingType>: Sendable {
    /// The value.
    public var wrappedValue: Wrapped
    let help: String
    let range: ClosedRange<Double>?

    /// A setting with its default and a line of help.
    public init(wrappedValue: Wrapped, _ help: String) {
        self.wrappedValue = wrappedValue
        self.help = help
        range = nil
    }

    /// A number with its default, a line of help and the range that is allowed (of each item, for a list).
    public init(wrappedValue: Wrapped, _ help: String, in range: ClosedRange<Double>) {
        self.wrappedValue = wrappedValue
        self.help = help
        self.range = range
    }
}

/// A setting without its type: what the specs are read from.
protocol AnySetting {
    var help: String { get }
    var range: ClosedRange<Double>? { get }
    var shape: SettingShape { get }
    var settingValue: Value { get }
}

extension Setting: AnySetting {
    var shape: SettingShape { Wrapped.shape }
    var settingValue: Value { wrappedValue.settingValue }
}

// Only the value travels: help and range belong to the declaration.
extension Setting: Codable {
    /// Reads the value alone; the result has no help and no range.
    public init(from decoder: any Decoder) throws {
        wrappedValue = try decoder.singleValueContainer().decode(Wrapped.self)
        help = ""
        range = nil
    }

    /// Writes the value alone.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}

extension Setting: Equatable where Wrapped: Equatable {
    /// Compares the values alone.
    public static func == (left: Self, right: Self) -> Bool { left.wrappedValue == right.wrappedValue }
}

/// What a setting accepts.
public indirect enum SettingShape: Hashable, Sendable {
    case bool
    case int
    case double
    case string
    /// One of these words.
    case choice([String])
    case list(SettingShape)
    /// Values by names of the user's.
    case map(SettingShape)
    /// `null` is welcome too.
    case optional(SettingShape)
}

/// A setting as the pipeline reader, the schema and error messages need it.
public struct SettingSpec: Hashable, Sendable {
    /// Its name in pipeline files.
    public let name: String
    /// What it accepts.
    public let shape: SettingShape
    /// The value without any other word.
    public let defaultValue: Value
    /// Of numbers.
    public let range: ClosedRange<Double>?
    /// One line.
    public let help: String

    /// A spec as it is.
    public init(
        name: String, shape: SettingShape, defaultValue: Value, range: ClosedRange<Double>?, help: String
    ) {
        self.name = name
        self.shape = shape
        self.defaultValue = defaultValue
        self.range = range
        self.help = help
    }
}
