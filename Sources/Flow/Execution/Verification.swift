public import Artifacts

/// What a check of the store and the database found.
public struct Verification: Sendable {
    /// One thing that is not as it should be.
    public struct Finding: Hashable, Sendable {
        /// What it is.
        public enum Kind: String, Hashable, Sendable {
            /// The bytes of an object are not what its name says, or cannot be read.
            case damaged
            /// Lineage says that it is there, and it is not. The next run makes it again.
            case missing
            /// Something in the store that does not belong there. Harmless.
            case stray
            /// A run says that it goes on, and its process is gone. The next run closes it.
            case abandoned
        }

        /// What it is.
        public let kind: Kind
        /// The object, if it is about one.
        public let digest: Digest?
        /// What it is, and which step gave it.
        public let message: String
    }

    /// How many objects are in the store.
    public let objects: Int
    /// Their bytes on disk.
    public let storedBytes: Int
    /// How many artifacts of steps should be there.
    public let artifacts: Int
    /// Whether every byte was read.
    public let didReadData: Bool
    /// All that is not as it should be.
    public let findings: [Finding]

    /// Whether nothing is damaged or missing.
    public var isClean: Bool { findings.allSatisfy { $0.kind == .abandoned || $0.kind == .stray } }
}
