/// What can be wrong with a file of weights.
///
/// `description` is the sentence for people.
public enum CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file or folder is not there.
    case missing(path: String)
    /// A folder without any weight file that we read.
    case noWeights(folder: String, looked: [String], otherFormats: [String])
    /// The operating system refused.
    case unreadable(path: String, reason: String)
    /// The operating system refused.
    case unwritable(path: String, reason: String)
    /// The file as a whole is not safetensors, or is cut off.
    case malformedFile(path: String, reason: String)
    /// The file as a whole is none of `torch.save` that is read here.
    case malformedTorchFile(path: String, reason: String)
    /// The header's entry of one tensor cannot be true.
    case malformedTensor(path: String, tensor: String, reason: String)
    /// The index of a sharded checkpoint cannot be true.
    case malformedIndex(path: String, reason: String)
    /// Asked for by name, and not in the file.
    case noTensor(path: String, tensor: String)
    /// The stored elements cannot be given in the type asked for.
    case wrongType(path: String, tensor: String, stored: ElementType, wanted: String)

    /// What happened, where, why, and what to do.
    public var description: String {
        switch self {
        case .missing(let path):
            "\(path): no such file or folder"
        case .noWeights(let folder, let looked, let otherFormats):
            "\(folder): no weights found (looked for \(looked.joined(separator: ", ")))"
                + (otherFormats.isEmpty
                    ? "" : "; there is \(otherFormats.joined(separator: ", ")), save it as .safetensors first")
        case .unreadable(let path, let reason):
            "\(path): cannot be read: \(reason)"
        case .unwritable(let path, let reason):
            "\(path): cannot be written: \(reason)"
        case .malformedFile(let path, let reason):
            "\(path): not a sound safetensors file: \(reason)"
        case .malformedTorchFile(let path, let reason):
            "\(path): not a PyTorch file of tensors that is read here: \(reason)"
        case .malformedTensor(let path, let tensor, let reason):
            "\(path): tensor '\(tensor)' is not sound: \(reason)"
        case .malformedIndex(let path, let reason):
            "\(path): not a sound index of shards: \(reason)"
        case .noTensor(let path, let tensor):
            "\(path): has no tensor '\(tensor)'"
        case .wrongType(let path, let tensor, let stored, let wanted):
            "\(path): tensor '\(tensor)' is stored as \(stored.rawValue), not as \(wanted)"
        }
    }
}
