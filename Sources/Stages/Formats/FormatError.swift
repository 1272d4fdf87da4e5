/// An artifact or a model folder that is not what its kind promises.
public enum FormatError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file that the format asks for is not there.
    case missingFile(file: String, kind: String)
    /// A file or the attributes say something that the format does not allow.
    case malformed(file: String, why: String)
    /// The model set has no such part.
    case missingPart(set: String, part: String)

    /// The sentence for people.
    public var description: String {
        switch self {
        case .missingFile(let file, let kind):
            "\(file) is missing in an artifact of kind \(kind): it was written by something else or is incomplete"
        case .malformed(let file, let why): "\(file) is not as its format asks: \(why)"
        case .missingPart(let set, let part):
            "model set \(set) has no \(part): add `\(part): FOLDER` to the model set file"
        }
    }
}
