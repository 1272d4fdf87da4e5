public import Artifacts
public import Foundation
public import Lineage
public import StageKit
public import Storage

/// Runs plans: decides what is known already, runs the rest, keeps what comes out and writes down where it came from.
///
/// A value without state of its own; every method may be called from any thread, and from several processes on one cache.
/// Unaware of pipeline files, the terminal and what stages do.
///
/// ```swift
/// let engine = Engine(stages: table, store: store, lineage: database, facts: ["kernels": "AVX2", "threads": "2"])
/// let forecast = try engine.forecast(plan)                                  // run -n, status, dag
/// let report = try await engine.run(plan, request) { event in printer.show(event) }
/// ```
public struct Engine: Sendable {
    /// What may run.
    public let stages: StageTable
    /// Where bytes are kept.
    public let store: ObjectStore
    /// Where it is written down what came from what.
    public let lineage: LineageDatabase
    /// The version of the tool.
    public let version: String
    private let makeFacts: @Sendable () -> [String: String]

    /// Facts about the machine that go into each attempt's record and never into keys: kernels, BLAS, threads.
    public var facts: [String: String] { makeFacts() }

    /// The digest of a part of a model, as keys have it; files that did not change since they were last seen are not read
    /// again.
    ///
    /// - Parameter hashing: told of each file that has to be read, with its size, before it is.
    /// - Throws: `LineageError`.
    public func digest(ofPart folder: URL, hashing: (String, Int) throws -> Void = { _, _ in }) throws -> Digest {
        try SourceDigests.digest(ofPart: folder, in: lineage, hashing: hashing)
    }

    /// Whether the cache can only be looked into.
    var isReadOnly: Bool { store.isReadOnly || lineage.isReadOnly }

    /// Throws when the cache can only be looked into.
    func checkWritable() throws(StorageError) {
        guard !isReadOnly else { throw .readOnly(path: store.root.path(percentEncoded: false)) }
    }

    /// An engine over a cache.
    ///
    /// - Parameter facts: asked for only when something runs.
    public init(
        stages: StageTable, store: ObjectStore, lineage: LineageDatabase, version: String,
        facts: @autoclosure @escaping @Sendable () -> [String: String] = [:]
    ) {
        self.stages = stages
        self.store = store
        self.lineage = lineage
        self.version = version
        makeFacts = facts
    }
}
