public import Artifacts
public import Foundation

/// An object as it lies in the store.
public struct StoredObject: Hashable, Sendable {
    /// Its name.
    public let digest: Digest
    /// Bytes on the disk, compressed.
    public let storedBytes: Int
    /// When it was last published, also by somebody who found it already there.
    public let published: Date
}

extension ObjectStore {
    /// All objects, in the order of their digests.
    public func objects() throws(StorageError) -> [StoredObject] { fatalError() }

    /// Removes an object; 0 when it was not there, or when somebody published it after `date`.
    ///
    /// - Returns: The bytes that were freed.
    @discardableResult
    public func remove(_ digest: Digest, unlessPublishedSince date: Date = .distantFuture) throws(StorageError) -> Int {
        fatalError()
    }
}
