public import Artifacts
public import Foundation

/// A file and the digest of its bytes.
public struct SourceFile: Hashable, Sendable {
    /// Where it lies: an absolute path.
    public let path: String
    /// SHA-256 of its bytes.
    public let digest: Digest
    /// Bytes.
    public let size: Int
}

/// The content of a folder, such as a model part.
public struct FolderContent: Hashable, Sendable {
    /// The digest of the canonical list of relative paths and file digests.
    public let digest: Digest
    /// The files, by relative path.
    public let files: [String: SourceFile]
}

extension LineageDatabase {
    /// The digests of files, hashed only when they changed since they were last seen.
    ///
    /// A file is taken as unchanged when its device, inode, size, mtime and ctime are those that were recorded, and
    /// both times lay well before the recording: otherwise a later change within the same tick would go unseen.
    /// Links are followed.
    ///
    /// - Parameters:
    ///   - files: in any order; the result has the same order.
    ///   - hashing: told of each file that has to be read, with its size, before it is.
    /// - Throws: `LineageError.source`, `.changedWhileReading`.
    public func digests(
        of files: [URL], hashing: (String, Int) -> Void = { _, _ in }
    ) throws -> [SourceFile] { fatalError() }

    /// The digest of a folder's content: all files in it and below, hidden ones left out.
    ///
    /// - Parameter including: which files count, by relative path.
    public func digest(
        ofFolder folder: URL, including: (String) -> Bool = { _ in true },
        hashing: (String, Int) -> Void = { _, _ in }
    ) throws -> FolderContent { fatalError() }
}
