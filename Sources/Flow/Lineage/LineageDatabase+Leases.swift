public import Artifacts

/// The right to work on a key: at most one process has it.
public struct Lease: Hashable, Sendable {
    /// The work.
    public let key: Digest
    /// Who may do it.
    public let owner: ProcessIdentity
    /// Grows with every lease that is given: tells a lease from a later one of the same key.
    public let token: Int
}

/// What `acquire` says.
public enum LeaseAnswer: Hashable, Sendable {
    /// It is yours. `takenFrom`: the owner that had it and is gone.
    case acquired(Lease, takenFrom: ProcessIdentity?)
    /// Somebody else works on it: wait, look for the result, ask again.
    case held(by: ProcessIdentity)
}

/// What a waiter has seen of the leases it waits for.
///
/// A holder whose death cannot be seen (another host, or a stopped process) loses its lease when its heartbeat has not
/// moved for `patience` while this waiter looked on: so no clock but the waiter's own is trusted.
public struct LeaseWatch: Sendable {
    struct Sight: Sendable {
        let token: Int
        let beat: Int
        let since: ContinuousClock.Instant
    }

    let patience: Duration
    var sights: [Digest: Sight] = [:]

    /// A watch that has seen nothing yet.
    public init(patience: Duration = .seconds(60)) { self.patience = patience }
}

extension LineageDatabase {
    /// Asks for the right to work on a key.
    public func acquire(
        _ key: Digest, owner: ProcessIdentity = .current, watch: inout LeaseWatch
    ) throws -> LeaseAnswer { fatalError() }

    /// Moves the heartbeat of leases: call it every ten seconds or so.
    ///
    /// - Returns: Those that were lost to somebody else.
    public func renew(_ leases: [Lease]) throws -> [Lease] { fatalError() }

    /// Gives a lease back; nothing when it was lost.
    public func release(_ lease: Lease) throws { fatalError() }

    /// Who works on a key.
    public func holder(of key: Digest) throws -> ProcessIdentity? { fatalError() }

    /// All keys that somebody works on: gc spares what they need.
    public func leases() throws -> [Lease] { fatalError() }
}
