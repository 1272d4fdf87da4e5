public import Artifacts
public import Foundation
import GRDB

extension LineageDatabase {
    /// Records the start of a run.
    public func begin(_ run: NewRun) throws -> RunID {
        let id = RunID(at: run.started)
        let commandLine = try Value.list(run.commandLine.map(Value.string)).databaseText(of: "a command line")
        let environment = try Value.map(run.environment.mapValues(Value.string)).databaseText(of: "an environment")
        try write("record the run", durable: false) { database in
            try database.run(
                """
                INSERT INTO runs (id, pipeline, file, text, command_line, environment, tool_version, started, outcome,
                    host, boot, space, pid, process_started)
                VALUES (:id, :pipeline, :file, :text, :command_line, :environment, :tool_version, :started, 'running',
                    :host, :boot, :space, :pid, :process_started)
                """,
                [
                    "id": id.text, "pipeline": run.pipeline, "file": run.file, "text": run.text,
                    "command_line": commandLine, "environment": environment, "tool_version": run.toolVersion,
                    "started": run.started.milliseconds,
                ] + run.process.columns)
        }
        return id
    }

    /// Records what a run decided about steps: hits in one transaction, say.
    ///
    /// A later decision replaces an earlier one.
    public func record(_ steps: [RunStep], in run: RunID) throws {
        guard !steps.isEmpty else { return }
        try write("record steps", durable: false) { database in
            for step in steps { try database.insert(step, in: run) }
        }
    }

    /// Records the end of a run.
    ///
    /// Its attempts that have not ended become abandoned.
    public func end(_ run: RunID, _ outcome: RunOutcome, at date: Date = Date()) throws {
        try write("record the end of the run") { database in
            try database.run(
                "UPDATE runs SET outcome = ?, ended = ? WHERE id = ?", [outcome.rawValue, date.milliseconds, run.text])
            guard database.changesCount == 1 else { throw LineageError.notFound(what: "run \(run)") }
            try abandonAttempts(of: run.text, at: date, in: database)
            try seal(.run, run.text, in: database)
        }
    }

    /// Records artifacts that users supplied (outputs are recorded by `finish`).
    public func record(_ artifacts: [(digest: Digest, manifest: Manifest)]) throws {
        guard !artifacts.isEmpty else { return }
        try write("record artifacts", durable: false) { database in
            for artifact in artifacts where try database.insert(artifact.manifest, artifact.digest, at: Date()) {
                try seal(.artifact, artifact.digest.hex, in: database)
            }
        }
    }

    /// Records the start of an attempt, its inputs and model parts, and the run's decision about the step.
    public func begin(_ attempt: NewAttempt) throws -> AttemptID {
        let id = AttemptID(at: attempt.started)
        let element = try attempt.element?.databaseText(of: "an element")
        let places = try Value.map(attempt.settingPlaces.mapValues(Value.string)).databaseText(of: "places of settings")
        try write("record the attempt", durable: false) { database in
            try database.run(
                """
                INSERT INTO attempts (id, run, step, stage, stage_version, key, record, setting_places, element, cause,
                    outcome, started)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?)
                """,
                [
                    id.text, attempt.run.text, attempt.step, attempt.stage, attempt.stageVersion,
                    attempt.record.digest.hex, attempt.record.text, places, element, attempt.cause,
                    attempt.started.milliseconds,
                ])
            for input in attempt.inputs { try database.insert(input, of: id, into: "attempt_inputs") }
            for model in attempt.models {
                try database.run(
                    "INSERT INTO attempt_models (attempt, part, digest, path) VALUES (?, ?, ?, ?)",
                    [id.text, model.part, model.digest.hex, model.path])
            }
            let step = RunStep(
                step: attempt.step, stage: attempt.stage, decision: .run, cause: attempt.cause, attempt: id)
            try database.insert(step, in: attempt.run)
        }
        return id
    }

    /// Names objects that an attempt is about to publish, until it ends: gc spares them from now on.
    ///
    /// Before they get their names in the store: they may be there already, as what an earlier run gave, and between that and
    /// `finish` nothing else would say that they are wanted.
    public func announce(_ objects: Set<Digest>, by attempt: AttemptID) throws {
        try write("announce what an attempt gives", durable: false) { database in
            for object in objects {
                try database.run(
                    "INSERT OR IGNORE INTO announcements (attempt, digest) VALUES (?, ?)", [attempt.text, object.hex])
            }
        }
    }

    /// Records the end of an attempt in one transaction: outcome, outputs and their manifests; gives the lease back.
    ///
    /// - Throws: `LineageError.leaseLost`, with nothing recorded, when somebody else took the key meanwhile.
    public func finish(_ attempt: AttemptID, _ result: AttemptResult, lease: Lease? = nil) throws {
        precondition(result.outcome != .running, "an attempt cannot end as running")
        try write("record the end of the attempt") { database in
            guard let row = try database.row("SELECT key, outcome FROM attempts WHERE id = ?", [attempt.text]) else {
                throw LineageError.notFound(what: "attempt \(attempt)")
            }
            let key = try row.digest("key")
            if let lease {
                precondition(lease.key == key, "the lease of \(lease.key) was given for an attempt at \(key)")
                guard try database.holds(lease) else { throw LineageError.leaseLost(key: key) }
            }
            guard try row.option("outcome", AttemptOutcome.self) == .running else {
                throw LineageError.leaseLost(key: key)
            }
            let usage = result.usage
            try database.run(
                """
                UPDATE attempts SET outcome = ?, error = ?, log = ?, ended = ?, wall_seconds = ?, cpu_seconds = ?,
                    peak_memory = ?, kernels = ?, threads = ? WHERE id = ?
                """,
                [
                    result.outcome.rawValue, result.error, result.log, result.ended.milliseconds, usage.wallSeconds,
                    usage.cpuSeconds, usage.peakMemory, usage.kernels, usage.threads, attempt.text,
                ])
            for output in result.outputs {
                try database.insert(output.manifest, output.artifact, at: result.ended)
                let use = ArtifactUse(
                    port: output.port, position: output.position, artifact: output.artifact, kind: output.manifest.kind)
                try database.insert(use, of: attempt, into: "attempt_outputs")
            }
            try database.withdrawAnnouncements(of: attempt)
            if let lease { try database.drop(lease) }
            try seal(.attempt, attempt.text, in: database)
        }
    }

    /// Marks the attempts of a run that have not ended.
    ///
    /// - Returns: Those that were marked.
    @discardableResult
    func abandonAttempts(of run: String, at date: Date, in database: Database) throws -> [AttemptID] {
        let open = try database.rows(
            "SELECT id FROM attempts WHERE run = ? AND outcome = 'running' ORDER BY id", [run]
        ).map { AttemptID($0["id"]) }
        for attempt in open { try abandon(attempt, at: date, in: database) }
        return open
    }

    /// Marks an attempt that will never end.
    func abandon(_ attempt: AttemptID, at date: Date, in database: Database) throws {
        try database.run(
            "UPDATE attempts SET outcome = 'abandoned', ended = ? WHERE id = ?", [date.milliseconds, attempt.text])
        try database.withdrawAnnouncements(of: attempt)
        try seal(.attempt, attempt.text, in: database)
    }

    /// Marks the runs and attempts of dead processes as abandoned and drops their leases.
    ///
    /// What belongs to other hosts is left alone. Writes nothing when there is nothing to mark.
    /// - Returns: The attempts that were marked.
    @discardableResult
    public func abandonDead(at date: Date = Date()) throws -> [AttemptID] {
        let (runs, leases) = try read { reader in
            (
                try reader.database.rows("SELECT * FROM runs WHERE outcome = 'running'")
                    .filter { $0.process.liveness == .dead }.map { $0["id"] as String },
                try reader.database.rows("SELECT * FROM leases").filter { $0.process.liveness == .dead }
                    .map { try $0.lease() }
            )
        }
        guard !runs.isEmpty || !leases.isEmpty else { return [] }
        return try write("mark what dead processes left") { database in
            var marked: [AttemptID] = []
            for run in runs {
                marked += try abandonAttempts(of: run, at: date, in: database)
                try database.run(
                    "UPDATE runs SET outcome = 'abandoned', ended = ? WHERE id = ? AND outcome = 'running'",
                    [date.milliseconds, run])
                // Another process may have marked it meanwhile.
                if database.changesCount > 0 { try seal(.run, run, in: database) }
            }
            for lease in leases { try database.drop(lease) }
            return marked
        }
    }

    /// Pins something, or changes its note.
    public func pin(_ pin: Pin) throws {
        try write("record a pin") { database in
            try database.run(
                "INSERT OR REPLACE INTO pins (kind, target, note, date) VALUES (?, ?, ?, ?)",
                [pin.target.columns.kind, pin.target.columns.target, pin.note, pin.date.milliseconds])
            try seal(.pin, pin.target.subject, in: database)
        }
    }

    /// Takes a pin away.
    public func unpin(_ target: Pin.Target) throws {
        try write("remove a pin") { database in
            try database.run(
                "DELETE FROM pins WHERE kind = ? AND target = ?", [target.columns.kind, target.columns.target])
            if database.changesCount > 0 { try seal(.pin, target.subject, in: database) }
        }
    }

    /// Revokes something: attempts that gave it are no hits any more.
    public func revoke(_ revocation: Revocation) throws {
        try write("record a revocation") { database in
            try database.run(
                "INSERT OR REPLACE INTO revocations (kind, target, reason, date) VALUES (?, ?, ?, ?)",
                [
                    revocation.target.columns.kind, revocation.target.columns.target, revocation.reason,
                    revocation.date.milliseconds,
                ])
            try seal(.revocation, revocation.target.subject, in: database)
        }
    }

    /// Takes a revocation back.
    ///
    /// - Returns: Whether there was one.
    public func withdraw(_ target: Revocation.Target) throws -> Bool {
        try write("withdraw a revocation") { database in
            try database.run(
                "DELETE FROM revocations WHERE kind = ? AND target = ?", [target.columns.kind, target.columns.target])
            guard database.changesCount > 0 else { return false }
            try seal(.revocation, target.subject, in: database)
            return true
        }
    }

    /// Records what gc removed.
    public func record(_ evictions: [Eviction]) throws {
        guard !evictions.isEmpty else { return }
        try write("record evictions") { database in
            for eviction in evictions { try seal(.eviction, database.insert(eviction), in: database) }
        }
    }

    /// Records objects as gone, except those that a run needs which goes on, or ended since a date, those that attempts
    /// are about to publish, and those that are pinned, which may have come since it was planned.
    ///
    /// With what runs write down, one transaction decides: what a run has named before it is spared; a run that names it
    /// later sees here that it is gone.
    ///
    /// - Returns: What was recorded.
    public func record(
        _ evictions: [Eviction], unlessUsedSince date: Date, sparesPinned: Bool = true
    ) throws -> [Eviction] {
        guard !evictions.isEmpty else { return [] }
        return try write("record evictions") { database in
            let reader = LineageReader(database: database)
            let runs = try database.rows(
                "SELECT * FROM runs WHERE outcome = 'running' OR ended >= ?", [date.milliseconds]
            ).filter { $0["outcome"] as String != "running" || $0.process.liveness != .dead }
            var used: Set<Digest> = []
            for run in runs {
                let announced = try database.rows(
                    "SELECT digest FROM announcements WHERE attempt IN (SELECT id FROM attempts WHERE run = ?)",
                    [run["id"] as String])
                for row in announced { used.insert(try row.digest("digest")) }
            }
            var artifacts = try reader.artifacts(ofRuns: runs.map { RunID($0["id"]) })
            for pin in try reader.pins() where sparesPinned {
                switch pin.target {
                case .artifact(let digest): artifacts.insert(digest)
                case .run(let run): artifacts.formUnion(try reader.artifacts(ofRuns: [run]))
                }
            }
            for artifact in artifacts {
                used.insert(artifact)
                for file in try database.rows("SELECT digest FROM artifact_files WHERE artifact = ?", [artifact.hex]) {
                    used.insert(try file.digest("digest"))
                }
            }
            let gone = evictions.filter { !used.contains($0.digest) }
            for eviction in gone { try seal(.eviction, database.insert(eviction), in: database) }
            return gone
        }
    }
}

extension Database {
    fileprivate func withdrawAnnouncements(of attempt: AttemptID) throws {
        try run("DELETE FROM announcements WHERE attempt = ?", [attempt.text])
    }

    /// - Returns: The number of the row, which is its name in the chain.
    fileprivate func insert(_ eviction: Eviction) throws -> String {
        try run(
            "INSERT INTO evictions (digest, bytes, reason, date) VALUES (?, ?, ?, ?)",
            [eviction.digest.hex, eviction.bytes, eviction.reason, eviction.date.milliseconds])
        return "\(lastInsertedRowID)"
    }

    fileprivate func insert(_ step: RunStep, in run: RunID) throws {
        try self.run(
            """
            INSERT INTO run_steps (run, step, stage, decision, cause, attempt) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET stage = excluded.stage, decision = excluded.decision, cause = excluded.cause,
                attempt = excluded.attempt
            """,
            [run.text, step.step, step.stage, step.decision.rawValue, step.cause, step.attempt?.text])
    }

    fileprivate func insert(_ use: ArtifactUse, of attempt: AttemptID, into table: String) throws {
        try run(
            "INSERT INTO \(table) (attempt, port, position, artifact, kind) VALUES (?, ?, ?, ?, ?)",
            [attempt.text, use.port, use.position, use.artifact.hex, use.kind.name])
    }

    /// Records an artifact unless it is known: content never changes under a digest.
    ///
    /// - Returns: Whether it is new.
    @discardableResult
    func insert(_ manifest: Manifest, _ digest: Digest, at date: Date) throws -> Bool {
        try run(
            "INSERT OR IGNORE INTO artifacts (digest, kind, size, attributes, recorded) VALUES (?, ?, ?, ?, ?)",
            [
                digest.hex, manifest.kind.name, manifest.size,
                try manifest.attributes.databaseText(of: "the attributes of \(digest)"), date.milliseconds,
            ])
        guard changesCount > 0 else { return false }
        for entry in manifest.entries {
            try run(
                "INSERT INTO artifact_files (artifact, path, digest, size, type) VALUES (?, ?, ?, ?, ?)",
                [digest.hex, entry.path, entry.digest.hex, entry.size, entry.mediaType])
        }
        return true
    }
}

extension Pin.Target {
    /// Its name in the chain.
    var subject: String { "\(columns.kind) \(columns.target)" }

    var columns: (kind: String, target: String) {
        switch self {
        case .artifact(let digest): ("artifact", digest.hex)
        case .run(let run): ("run", run.text)
        }
    }
}

extension Revocation.Target {
    /// Its name in the chain.
    var subject: String { "\(columns.kind) \(columns.target)" }

    var columns: (kind: String, target: String) {
        switch self {
        case .artifact(let digest): ("artifact", digest.hex)
        case .attempt(let attempt): ("attempt", attempt.text)
        case .file(let digest): ("file", digest.hex)
        }
    }
}
