public import Artifacts

/// A type that a setting may have: Bool, Int, Double, String, an enum of strings, a list, a map or an optional of these.
public protocol SettingType: Codable, Sendable {
    /// What a pipeline file must say.
    static var shape: SettingShape { get }
    /// The value as canonical records hold it.
    var settingValue: Value { get }
}

/// A setting that is one word of a few.
///
/// ```swift
/// enum Direction: String, SettingChoice { case forward, backward }
/// ```
/// The raw values are what pipeline files say.
public protocol SettingChoice: SettingType, CaseIterable, RawRepresentable where RawValue == String {}

extension SettingChoice {
    /// One of the raw values.
    public static var shape: SettingShape { .choice(allCases.map(\.rawValue)) }
    /// The raw value.
    public var settingValue: Value { .string(rawValue) }
}

extension Bool: SettingType {
    /// `true` or `false`.
    public static var shape: SettingShape { .bool }
    /// Itself.
    public var settingValue: Value { .bool(self) }
}

extension Int: SettingType {
    /// A whole number.
    public static var shape: SettingShape { .int }
    /// Itself.
    public var settingValue: Value { .int(self) }
}

extension Double: SettingType {
    /// A finite number.
    public static var shape: SettingShape { .double }
    /// Itself.
    public var settingValue: Value { .double(self) }
}

extension String: SettingType {
    /// Any text.
    public static var shape: SettingShape { .string }
    /// Itself.
    public var settingValue: Value { .string(self) }
}

extension Array: SettingType where Element: SettingType {
    /// A list.
    public static var shape: SettingShape { .list(Element.shape) }
    /// The values of the items.
    public var settingValue: Value { .list(map(\.settingValue)) }
}

extension Dictionary: SettingType where Key == String, Value: SettingType {
    /// A map from names of the user's.
    public static var shape: SettingShape { .map(Value.shape) }
    /// The values by name.
    public var settingValue: Artifacts.Value { .map(mapValues(\.settingValue)) }
}

extension Optional: SettingType where Wrapped: SettingType {
    /// What the wrapped type accepts, or `null`.
    public static var shape: SettingShape { .optional(Wrapped.shape) }
    /// `.null` for nil.
    public var settingValue: Value { self?.settingValue ?? .null }
}
