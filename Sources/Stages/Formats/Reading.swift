import Artifacts
public import Foundation
public import StageKit

extension InputArtifact {
    /// Where a file lies that the format asks for.
    ///
    /// Throws `FormatError.missingFile`.
    public func file(_ path: String) throws -> URL {
        guard let url = files[path] else { throw FormatError.missingFile(file: path, kind: kind.name) }
        return url
    }
}

// How attributes are looked at here: nil for anything else.
extension Value {
    subscript(_ key: String) -> Value? {
        guard case .map(let members) = self else { return nil }
        return members[key]
    }

    var text: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    var whole: Int? {
        guard case .int(let value) = self else { return nil }
        return value
    }

    var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
}
