public import Artifacts
public import Foundation

extension LineageDatabase {
    /// Records the start of a run.
    public func begin(_ run: NewRun) throws -> RunID { fatalError() }

    /// Records what a run decided about steps: hits in one transaction, say. A later decision replaces an earlier one.
    public func record(_ steps: [RunStep], in run: RunID) throws { fatalError() }

    /// Records the end of a run.
    public func end(_ run: RunID, _ outcome: RunOutcome, at date: Date = Date()) throws { fatalError() }

    /// Records artifacts that users supplied (outputs are recorded by `finish`).
    public func record(_ artifacts: [(digest: Digest, manifest: Manifest)]) throws { fatalError() }

    /// Records the start of an attempt, its inputs and model parts, and the run's decision about the step.
    public func begin(_ attempt: NewAttempt) throws -> AttemptID { fatalError() }

    /// Records the end of an attempt in one transaction: outcome, outputs and their manifests; gives the lease back.
    ///
    /// - Throws: `LineageError.leaseLost`, with nothing recorded, when somebody else holds the key by now.
    public func finish(_ attempt: AttemptID, _ result: AttemptResult, lease: Lease? = nil) throws { fatalError() }

    /// Marks the runs and attempts of dead processes as abandoned and drops their leases.
    ///
    /// - Returns: The attempts that were marked.
    @discardableResult
    public func abandonDead() throws -> [AttemptID] { fatalError() }

    /// Pins something, or changes its note.
    public func pin(_ pin: Pin) throws { fatalError() }

    /// Takes a pin away.
    public func unpin(_ target: Pin.Target) throws { fatalError() }

    /// Revokes something: attempts that gave it are no hits any more.
    public func revoke(_ revocation: Revocation) throws { fatalError() }

    /// Records what gc removed.
    public func record(_ evictions: [Eviction]) throws { fatalError() }
}
