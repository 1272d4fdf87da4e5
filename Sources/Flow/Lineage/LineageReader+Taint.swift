public import Artifacts
import GRDB

/// All that comes from something that was revoked.
public struct Taint: Sendable {
    /// Artifacts that may not be used any more, with the revocation that each falls under.
    public let artifacts: [Digest: Revocation]
    /// Attempts whose results may not be used any more.
    public let attempts: [AttemptID: Revocation]
    /// Files that were revoked by their bytes.
    public let files: [Digest: Revocation]

    /// Whether nothing was ever revoked.
    public var isEmpty: Bool { artifacts.isEmpty && attempts.isEmpty && files.isEmpty }
}

extension LineageReader {
    /// Walks down from all that was revoked.
    ///
    /// An attempt falls under a revocation when it read an artifact that does, or a model part from a folder in which a revoked file once lay. An
    /// artifact falls under one when it is revoked itself, holds a revoked file, or when an attempt that gave it falls under
    /// one, though another may have given the same bytes of something else. So does a file of the user's that is a copy of
    /// one in such an artifact, as a LoRA that was handed out; small files are no copies, as they may be equal by chance.
    public func taint() throws -> Taint {
        let revocations = try revocations()
        guard !revocations.isEmpty else { return Taint(artifacts: [:], attempts: [:], files: [:]) }
        var artifacts: [Digest: Revocation] = [:]
        var attempts: [AttemptID: Revocation] = [:]
        // No hits any more, though nothing else follows of them.
        var spoiled: [AttemptID: Revocation] = [:]
        var files: [Digest: Revocation] = [:]
        var next: [Digest] = []
        func mark(_ artifact: Digest, _ revocation: Revocation) {
            guard artifacts[artifact] == nil else { return }
            artifacts[artifact] = revocation
            next.append(artifact)
        }
        func mark(_ attempt: AttemptID, _ revocation: Revocation) throws {
            guard attempts[attempt] == nil else { return }
            attempts[attempt] = revocation
            for row in try database.rows("SELECT artifact FROM attempt_outputs WHERE attempt = ?", [attempt.text]) {
                mark(try row.digest("artifact"), revocation)
            }
        }
        for revocation in revocations {
            switch revocation.target {
            case .artifact(let digest): mark(digest, revocation)
            // An attempt alone: its result is no hit any more, and nothing else follows, as for a rebuild that gave other
            // bytes.
            case .attempt(let attempt): spoiled[attempt] = revocation
            case .file(let digest):
                files[digest] = revocation
                for holder in try self.artifacts(withFile: digest) { mark(holder.artifact, revocation) }
                // A model part is known by the digest of its folder: the file lay in it.
                let readers = try database.rows(
                    """
                    SELECT m.attempt FROM sources AS s JOIN attempt_models AS m
                        ON substr(s.path, 1, length(m.path) + 1) = m.path || '/' WHERE s.digest = ?
                    """, [digest.hex])
                for row in readers { try mark(AttemptID(row["attempt"]), revocation) }
            }
        }
        while let artifact = next.popLast() {
            guard let revocation = artifacts[artifact] else { continue }
            for row in try database.rows(Self.copies, ["artifact": artifact.hex, "size": Self.smallestCopy]) {
                mark(try row.digest("artifact"), revocation)
            }
            for row in try database.rows("SELECT attempt FROM attempt_inputs WHERE artifact = ?", [artifact.hex]) {
                try mark(AttemptID(row["attempt"]), revocation)
            }
            // Those that gave it are no hits; what else they gave is not its fault.
            for row in try database.rows("SELECT attempt FROM attempt_outputs WHERE artifact = ?", [artifact.hex]) {
                let maker = AttemptID(row["attempt"])
                spoiled[maker] = spoiled[maker] ?? revocation
            }
        }
        return Taint(artifacts: artifacts, attempts: attempts.merging(spoiled) { first, _ in first }, files: files)
    }

    /// Bytes from which on a file that is equal to another is a copy of it.
    private static let smallestCopy = 1024

    /// Artifacts of the user's with a file that an artifact has, or that was handed out of it.
    private static let copies = """
        SELECT f.artifact FROM artifact_files AS f WHERE f.size >= :size
            AND (f.digest IN (SELECT digest FROM artifact_files WHERE artifact = :artifact)
                OR f.digest IN (SELECT digest FROM deliveries WHERE artifact = :artifact))
            AND NOT EXISTS (SELECT 1 FROM attempt_outputs AS o WHERE o.artifact = f.artifact)
            AND NOT EXISTS (SELECT 1 FROM checkpoints AS c WHERE c.artifact = f.artifact)
        """

    /// The revocation under which a file of the user's falls, by its bytes: revoked itself, or a copy of something that is.
    public func revocation(ofFile digest: Digest, size: Int, _ taint: Taint) throws -> Revocation? {
        if let revocation = taint.files[digest] { return revocation }
        guard size >= Self.smallestCopy else { return nil }
        let holders = try artifacts(withFile: digest).map(\.artifact) + deliveries(withDigest: digest).map(\.artifact)
        return holders.lazy.compactMap { taint.artifacts[$0] }.first
    }
}
