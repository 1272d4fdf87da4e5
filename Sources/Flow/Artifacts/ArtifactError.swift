/// What is wrong with a value, a manifest or a key record.
public enum ArtifactError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A number that has no canonical form: not a number, infinite, or minus zero.
    case number(String, path: String)
    /// Two keys of a map that are the same text in Unicode normal form C.
    case duplicateKey(String, path: String)
    /// Text that is not canonical JSON; the offset counts bytes from 0.
    case syntax(String, offset: Int)
    /// A file of a manifest that lies outside the artifact, or whose name cannot be written portably.
    case path(String, why: String)
    /// Two files of one manifest with one path.
    case duplicatePath(String)
    /// JSON that is not a manifest of this version.
    case manifest(String)
    /// Text that is not a key record.
    case record(String, line: Int)
    /// Two fields of one key record with one path.
    case duplicateField(String)

    /// What happened, where and why.
    public var description: String {
        switch self {
        case .number(let number, let path):
            "\(Self.place(path)) is \(number), which has no canonical form; give a finite number, and 0 for minus zero"
        case .duplicateKey(let key, let path):
            "\(Self.place(path)) has the key \"\(key)\" twice (keys that differ only in Unicode normalisation are equal)"
        case .syntax(let what, let offset): "not canonical JSON at byte \(offset): \(what)"
        case .path(let path, let why): "the path \"\(path)\" cannot be part of an artifact: \(why)"
        case .duplicatePath(let path): "the path \"\(path)\" is in the artifact twice"
        case .manifest(let what): "not a manifest: \(what)"
        case .record(let what, let line): "not a key record: line \(line): \(what)"
        case .duplicateField(let path): "the key record has the field \"\(path)\" twice"
        }
    }

    /// The same, of a value that is a part of another: `[3]`, or `.key`.
    func inside(_ part: String) -> ArtifactError {
        guard case .number(let number, let path) = self else { return self }
        return .number(number, path: part + path)
    }

    /// The same, of a value that is no part of another: its path starts without a dot.
    var whole: ArtifactError {
        guard case .number(let number, let path) = self, path.hasPrefix(".") else { return self }
        return .number(number, path: String(path.dropFirst()))
    }

    private static func place(_ path: String) -> String { path.isEmpty ? "the value" : "the value at \(path)" }
}
