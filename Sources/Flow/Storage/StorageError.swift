public import Artifacts

#if canImport(Glibc)
    import Glibc
#endif

/// What can go wrong with the store.
public enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The object is not there. Never a fault: what made it can run again.
    case missing(Digest)
    /// The object's bytes were wrong; it now lies in quarantine (nil when it could not be moved there).
    case damaged(Digest, reason: String, quarantine: String?)
    /// The object exists, and is no manifest.
    case notAnArtifact(Digest, reason: String)
    /// Something in a folder to be published that no artifact may hold: a link, a socket, a name that is not UTF-8.
    case refused(path: String, reason: String)
    /// A file changed while it was read.
    case changedWhileReading(path: String)
    /// There is a file where one was to be restored.
    case exists(path: String)
    /// The folder of the store was opened for reading only, or cannot be written.
    case readOnly(path: String)
    /// `tmp` and `objects` lie on different file systems, so nothing can be renamed from one to the other.
    case split(path: String)
    /// A manifest that cannot be written.
    case manifest(ArtifactError)
    /// A call to the system that failed.
    case system(operation: String, path: String, errno: Int32)

    /// Whether an object is damaged or gone: running what made it gives it back.
    public var isLoss: Bool {
        switch self {
        case .missing, .damaged, .notAnArtifact: true
        default: false
        }
    }

    /// What happened, where, why and what to do.
    public var description: String {
        switch self {
        case .missing(let digest): "the store has no object \(digest)"
        case .damaged(let digest, let reason, let quarantine):
            "object \(digest) is damaged: \(reason); "
                + (quarantine.map { "it was moved to \($0) and will be made again" } ?? "it could not be moved away")
        case .notAnArtifact(let digest, let reason): "object \(digest) is not an artifact: \(reason)"
        case .refused(let path, let reason): "\(path) cannot be stored: \(reason)"
        case .changedWhileReading(let path): "\(path) changed while it was read; run again when it is at rest"
        case .exists(let path): "\(path) is already there; remove it or choose another place"
        case .readOnly(let path): "the cache at \(path) cannot be written; change its permissions or choose another"
        case .split(let path):
            "tmp and objects in \(path) lie on different file systems; the cache needs both on one"
        case .manifest(let error): "\(error)"
        case .system(let operation, let path, let number):
            "could not \(operation) \(path): \(String(cString: strerror(number)))\(Self.advice(number))"
        }
    }

    private static func advice(_ number: Int32) -> String {
        switch number {
        case ENOSPC: "; free some space (`motrans gc`) and run again"
        case EDQUOT: "; your quota is used up: free some space (`motrans gc`) and run again"
        case EACCES, EPERM: "; check the owner and the permissions"
        case EROFS: "; the file system is mounted for reading only"
        case EMFILE, ENFILE: "; too many files are open: raise the limit (`ulimit -n`) or lower `--jobs`"
        case EIO: "; the disk reported a fault: check it before you go on"
        case ENAMETOOLONG: "; choose a shorter path"
        case ENOENT: "; it or its folder is gone"
        case ELOOP: "; it is a symbolic link, and links are not followed here"
        case EFBIG: "; the file is larger than this process may write (`ulimit -f`)"
        default: ""
        }
    }
}
