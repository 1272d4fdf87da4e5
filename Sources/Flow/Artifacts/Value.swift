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
