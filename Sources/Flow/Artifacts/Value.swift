/// A plain value as pipeline files, settings and key records hold it.
///
/// Unaware of where it came from: places in files are kept beside it by whoever parses.
public enum Value: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([Value])
    case map([String: Value])
}

extension Value {
    /// The value under a key of a map; nil when it is no map or lacks the key.
    public subscript(key: String) -> Value? {
        guard case .map(let map) = self else { return nil }
        return map[key]
    }

    /// The text of a string.
    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The whole number of an int.
    public var int: Int? {
        guard case .int(let number) = self else { return nil }
        return number
    }

    /// The number of a double or an int.
    public var number: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    /// The truth of a bool.
    public var bool: Bool? {
        guard case .bool(let truth) = self else { return nil }
        return truth
    }

    /// The items of a list.
    public var list: [Value]? {
        guard case .list(let items) = self else { return nil }
        return items
    }

    /// The pairs of a map.
    public var map: [String: Value]? {
        guard case .map(let pairs) = self else { return nil }
        return pairs
    }
}
