public import Artifacts

/// What a check of the store and the database found.
public struct Verification: Sendable {
    /// One thing that is wrong.
    public struct Finding: Hashable, Sendable {
        /// What is wrong.
        public enum Kind: String, Hashable, Sendable {
            /// The bytes of an object are not what its name says.
            case damaged
            /// Lineage says that it is there, and it is not.
            case missing
            /// The database itself.
            case database
            /// An attempt says that it runs, and its process is gone. Not a fault: the next run closes it.
            case abandoned
        }

        /// What is wrong.
        public let kind: Kind
        /// The object or artifact, if it is about one.
        public let digest: Digest?
        /// What it is and which step gave it.
        public let message: String
    }

    /// How many objects are in the store.
    public let objects: Int
    /// Their bytes on disk.
    public let storedBytes: Int
    /// How many artifacts lineage knows that are not evicted.
    public let artifacts: Int
    /// Whether every byte was read.
    public let didReadData: Bool
    /// All that is wrong.
    public let findings: [Finding]

    /// Whether nothing is damaged, missing or broken.
    public var isClean: Bool { findings.allSatisfy { $0.kind == .abandoned } }
}
