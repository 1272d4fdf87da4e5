/// What a model folder, or the values given to a model, can get wrong.
public enum ModelsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file that the model needs is not there.
    case missingFile(file: String, neededFor: String)
    /// A file is there and cannot be understood.
    case unreadable(file: String, why: String)
    /// The configuration asks for something that we do not have.
    case unsupported(file: String, key: String, value: String, supported: String)
    /// No model of ours has this class name.
    case unknownClass(file: String, name: String, known: [String])
    /// `forward` was not given a tensor that it needs.
    case missingInput(name: String, model: String, given: [String])
    /// `forward` was given a tensor that does not fit.
    case badInput(name: String, model: String, expected: String, found: String)

    /// The sentence for people.
    public var description: String {
        switch self {
        case .missingFile(let file, let use):
            "\(file) is missing: \(use) needs it; download the folder again or correct the path"
        case .unreadable(let file, let why): "\(file) cannot be read: \(why)"
        case .unsupported(let file, let key, let value, let supported):
            "\(file): `\(key)` is \(value), which is not supported; supported: \(supported)"
        case .unknownClass(let file, let name, let known):
            "\(file) names the class \(name), which is none of \(known.joined(separator: ", "))"
        case .missingInput(let name, let model, let given):
            "\(model) needs the input `\(name)`; given: \(given.isEmpty ? "nothing" : given.joined(separator: ", "))"
        case .badInput(let name, let model, let expected, let found):
            "the input `\(name)` of \(model) should be \(expected), not \(found)"
        }
    }
}
