public import Artifacts
public import Foundation

extension ObjectStore {
    /// Makes the scratch folder of an attempt, `tmp/ATTEMPT`, owned by this process.
    ///
    /// - Throws: `StorageError.exists` when the attempt already has one.
    public func makeScratch(_ attempt: String, owner: ProcessIdentity = .current) throws(StorageError) -> URL {
        fatalError()
    }

    /// Removes the scratch folder of an attempt, whatever is in it.
    public func removeScratch(_ attempt: String) throws(StorageError) { fatalError() }

    /// Removes the scratch folders and half-written objects of processes that are dead.
    ///
    /// What belongs to other hosts is left until it is `age` old, counted from its last change.
    /// - Returns: The attempts whose folders were removed.
    @discardableResult
    public func sweep(olderThan age: TimeInterval = 7 * 86400) throws(StorageError) -> [String] { fatalError() }
}
