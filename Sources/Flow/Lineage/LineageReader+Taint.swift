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
    /// An attempt falls under a revocation when it read an artifact that does, or a model part with a revoked digest. An
    /// artifact falls under one when it is revoked itself, holds a revoked file, or when every attempt that gave it falls
    /// under one: equal bytes that were also made without the revoked thing do not depend on it.
    public func taint() throws -> Taint {
        let revocations = try revocations()
        guard !revocations.isEmpty else { return Taint(artifacts: [:], attempts: [:], files: [:]) }
        var artifacts: [Digest: Revocation] = [:]
        var attempts: [AttemptID: Revocation] = [:]
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
                let artifact = try row.digest("artifact")
                let makers = try database.rows(
                    """
                    SELECT a.id FROM attempts AS a JOIN attempt_outputs AS o ON o.attempt = a.id
                    WHERE o.artifact = ? AND a.outcome = 'succeeded'
                    """, [artifact.hex])
                if makers.allSatisfy({ attempts[AttemptID($0["id"])] != nil }) { mark(artifact, revocation) }
            }
        }
        for revocation in revocations {
            switch revocation.target {
            case .artifact(let digest): mark(digest, revocation)
            // An attempt alone: its result is no hit any more, and nothing else follows, as for a rebuild that gave other
            // bytes.
            case .attempt(let attempt): attempts[attempt] = revocation
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
            for row in try database.rows("SELECT attempt FROM attempt_inputs WHERE artifact = ?", [artifact.hex]) {
                try mark(AttemptID(row["attempt"]), revocation)
            }
            // Those that gave it are no hits; what else they gave is not its fault.
            for row in try database.rows("SELECT attempt FROM attempt_outputs WHERE artifact = ?", [artifact.hex]) {
                let maker = AttemptID(row["attempt"])
                attempts[maker] = attempts[maker] ?? revocation
            }
        }
        return Taint(artifacts: artifacts, attempts: attempts, files: files)
    }
}
