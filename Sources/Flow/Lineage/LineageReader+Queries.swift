public import Artifacts
public import Foundation
import GRDB

extension LineageReader {
    /// What a key is known to give: of its latest attempt that succeeded and was not revoked.
    ///
    /// Two statements, prepared once; some tens of microseconds.
    ///
    /// - Parameter taint: attempts that fall under a revocation do not count either.
    public func result(for key: Digest, without taint: Taint? = nil) throws -> StepResult? {
        let rows = try database.rows(
            """
            SELECT id, run, ended FROM attempts AS a WHERE key = ? AND outcome = 'succeeded'
                AND NOT EXISTS (SELECT 1 FROM revocations WHERE kind = 'attempt' AND target = a.id)
                AND NOT EXISTS (SELECT 1 FROM revocations AS r JOIN attempt_outputs AS o ON o.artifact = r.target
                    WHERE r.kind = 'artifact' AND o.attempt = a.id)
                AND NOT EXISTS (SELECT 1 FROM revocations AS r JOIN artifact_files AS f ON f.digest = r.target
                    JOIN attempt_outputs AS o ON o.artifact = f.artifact WHERE r.kind = 'file' AND o.attempt = a.id)
            ORDER BY id DESC
            """, [key.hex])
        let row = rows.first { row in
            guard let taint, !taint.isEmpty else { return true }
            return taint.attempts[AttemptID(row["id"])] == nil
        }
        guard let row else { return nil }
        let files = try database.rows(
            """
            SELECT o.port, o.position, o.artifact, o.kind, f.digest FROM attempt_outputs AS o
                LEFT JOIN artifact_files AS f ON f.artifact = o.artifact
            WHERE o.attempt = ? ORDER BY o.port, o.position, f.path
            """, [row["id"] as String])
        var found = PartialResult(key, row)
        for file in files { try found.add(file) }
        return found.result
    }

    /// What the latest run of a pipeline used, as far as `result(for:)` would say the same; empty while a revocation stands.
    ///
    /// The same few statements for any number of steps.
    public func latestResults(of pipeline: String) throws -> [Digest: StepResult] {
        guard try database.row("SELECT 1 FROM revocations LIMIT 1") == nil,
            let run = try database.row(
                "SELECT id FROM runs WHERE pipeline = ? ORDER BY started DESC, id DESC LIMIT 1", [pipeline])
        else { return [:] }
        var results: [Digest: StepResult] = [:]
        var found: PartialResult?
        try database.forEachRow(
            """
            SELECT a.key, a.id, a.run, a.ended, o.port, o.position, o.artifact, o.kind, f.digest FROM attempts AS a
                JOIN attempt_outputs AS o ON o.attempt = a.id LEFT JOIN artifact_files AS f ON f.artifact = o.artifact
            WHERE a.id IN (SELECT attempt FROM run_steps WHERE run = ?) AND a.outcome = 'succeeded' AND NOT EXISTS
                (SELECT 1 FROM attempts WHERE key = a.key AND outcome = 'succeeded' AND id > a.id)
            ORDER BY a.id, o.port, o.position, f.path
            """, [run["id"] as String]
        ) { row in
            if found?.attempt.text != row["id"] {
                if let found { results[found.key] = found.result }
                found = try PartialResult(row.digest("key"), row)
            }
            try found?.add(row)
        }
        if let found { results[found.key] = found.result }
        return results
    }

    // MARK: Runs

    /// Runs, the latest first.
    public func runs(pipeline: String? = nil, limit: Int = 100) throws -> [RunRecord] {
        // Two statements, so that the first has its index.
        let rows =
            if let pipeline {
                try database.rows(
                    "SELECT * FROM runs WHERE pipeline = ? ORDER BY started DESC, id DESC LIMIT ?", [pipeline, limit])
            } else {
                try database.rows("SELECT * FROM runs ORDER BY started DESC, id DESC LIMIT ?", [limit])
            }
        return try rows.map(run)
    }

    /// One run.
    public func run(_ id: RunID) throws -> RunRecord? {
        try database.row("SELECT * FROM runs WHERE id = ?", [id.text]).map(run)
    }

    private func run(_ row: Row) throws -> RunRecord {
        let id = RunID(row["id"])
        let arguments = try Value(databaseText: row["command_line"], of: "the command line of run \(id)")
        let environment = try Value(databaseText: row["environment"], of: "the environment of run \(id)")
        return RunRecord(
            id: id,
            run: NewRun(
                pipeline: row["pipeline"], file: row["file"], text: row["text"],
                commandLine: arguments.list?.compactMap(\.string) ?? [],
                environment: environment.map?.compactMapValues(\.string) ?? [:], toolVersion: row["tool_version"],
                process: row.process, started: row.date("started")),
            ended: row.optionalDate("ended"), outcome: try row.option("outcome"))
    }

    /// What a run decided about its steps, in the order of their recording.
    public func steps(of run: RunID) throws -> [RunStep] {
        var steps: [RunStep] = []
        try database.forEachRow("SELECT * FROM run_steps WHERE run = ? ORDER BY rowid", [run.text]) { row in
            steps.append(
                RunStep(
                    step: row["step"], stage: row["stage"], decision: try row.option("decision"), cause: row["cause"],
                    attempt: (row["attempt"] as String?).map(AttemptID.init)))
        }
        return steps
    }

    // MARK: Attempts

    /// The attempts of a run, in the order of their start.
    public func attempts(of run: RunID) throws -> [AttemptRecord] {
        try database.rows("SELECT * FROM attempts WHERE run = ? ORDER BY id", [run.text]).map(attempt)
    }

    /// The attempts at a step in all runs, the latest first.
    public func attempts(
        ofStep step: String, pipeline: String? = nil, outcome: AttemptOutcome? = nil, limit: Int = 100
    ) throws -> [AttemptRecord] {
        try database.rows(
            """
            SELECT a.* FROM attempts AS a JOIN runs AS r ON r.id = a.run
            WHERE a.step = ? AND (? IS NULL OR r.pipeline = ?) AND (? IS NULL OR a.outcome = ?)
            ORDER BY a.id DESC LIMIT ?
            """, [step, pipeline, pipeline, outcome?.rawValue, outcome?.rawValue, limit]
        ).map(attempt)
    }

    /// One attempt.
    public func attempt(_ id: AttemptID) throws -> AttemptRecord? {
        try database.row("SELECT * FROM attempts WHERE id = ?", [id.text]).map(attempt)
    }

    /// What an attempt logged, nil when there is no such attempt.
    public func log(of id: AttemptID) throws -> String? {
        try database.row("SELECT log FROM attempts WHERE id = ?", [id.text])?["log"]
    }

    private func record(_ text: String, of attempt: String) throws -> KeyRecord {
        do {
            return try KeyRecord(text: text)
        } catch {
            throw LineageError.record(what: "attempt \(attempt)", reason: "\(error)")
        }
    }

    func attempt(_ row: Row) throws -> AttemptRecord {
        let id: String = row["id"]
        let places = try Value(databaseText: row["setting_places"], of: "the places of settings of attempt \(id)")
        let models = try database.rows("SELECT * FROM attempt_models WHERE attempt = ? ORDER BY part", [id])
        return AttemptRecord(
            id: AttemptID(id),
            attempt: NewAttempt(
                run: RunID(row["run"]), step: row["step"], stage: row["stage"], stageVersion: row["stage_version"],
                record: try record(row["record"], of: id),
                settingPlaces: places.map?.compactMapValues(\.string) ?? [:],
                element: try (row["element"] as String?).map {
                    try Value(databaseText: $0, of: "the element of attempt \(id)")
                },
                cause: row["cause"] ?? "", inputs: try uses("attempt_inputs", of: id),
                models: try models.map {
                    ModelUse(part: $0["part"], digest: try $0.digest("digest"), path: $0["path"])
                },
                started: row.date("started")),
            key: try row.digest("key"), outcome: try row.option("outcome"),
            outputs: try uses("attempt_outputs", of: id), error: row["error"], ended: row.optionalDate("ended"),
            usage: AttemptUsage(
                wallSeconds: row["wall_seconds"], cpuSeconds: row["cpu_seconds"], peakMemory: row["peak_memory"],
                kernels: row["kernels"], threads: row["threads"]))
    }

    private func uses(_ table: String, of attempt: String) throws -> [ArtifactUse] {
        try database.rows("SELECT * FROM \(table) WHERE attempt = ? ORDER BY port, position", [attempt]).map { row in
            ArtifactUse(
                port: row["port"], position: row["position"], artifact: try row.digest("artifact"),
                kind: ArtifactKind(row["kind"]))
        }
    }

    // MARK: Pins, revocations, evictions

    /// All pins.
    public func pins() throws -> [Pin] {
        try database.rows("SELECT * FROM pins ORDER BY kind, target").map { row in
            let isRun = row["kind"] as String == "run"
            return Pin(
                isRun ? .run(RunID(row["target"])) : .artifact(try row.digest("target")), note: row["note"],
                date: row.date("date"))
        }
    }

    /// All revocations.
    public func revocations() throws -> [Revocation] {
        try database.rows("SELECT * FROM revocations ORDER BY kind, target").map { row in
            let target: Revocation.Target
            switch row["kind"] as String {
            case "attempt": target = .attempt(AttemptID(row["target"]))
            case "file": target = .file(try row.digest("target"))
            default: target = .artifact(try row.digest("target"))
            }
            return Revocation(target, reason: row["reason"], date: row.date("date"))
        }
    }

    /// The port of an attempt of whose artifact a collection wrote something down as gone in a span of time.
    public func evictedOutput(of attempt: AttemptID, from first: Date, to last: Date) throws -> String? {
        try database.row(
            """
            SELECT o.port FROM attempt_outputs AS o LEFT JOIN artifact_files AS f ON f.artifact = o.artifact
                JOIN evictions AS e ON e.digest IN (o.artifact, f.digest)
            WHERE o.attempt = ? AND e.date BETWEEN ? AND ? ORDER BY o.port LIMIT 1
            """, [attempt.text, first.milliseconds, last.milliseconds])?["port"]
    }

    /// Evictions, the latest first.
    public func evictions(limit: Int = 1000) throws -> [Eviction] {
        try database.rows("SELECT digest, bytes, reason, date FROM evictions ORDER BY id DESC LIMIT ?", [limit]).map {
            row in
            Eviction(
                digest: try row.digest("digest"), bytes: row["bytes"], reason: row["reason"], date: row.date("date"))
        }
    }
}

/// What an attempt gave, put together from rows of outputs and their files, in this order.
private struct PartialResult {
    let key: Digest
    let attempt: AttemptID
    private let run: RunID
    private let ended: Date
    private var outputs: [ArtifactUse] = []
    private var objects: [Digest] = []
    private var seen: Set<Digest> = []

    init(_ key: Digest, _ attempt: Row) {
        self.key = key
        self.attempt = AttemptID(attempt["id"])
        run = RunID(attempt["run"])
        ended = attempt.date("ended")
    }

    mutating func add(_ row: Row) throws {
        let artifact = try row.digest("artifact")
        let use = ArtifactUse(
            port: row["port"], position: row["position"], artifact: artifact, kind: ArtifactKind(row["kind"]))
        if outputs.last != use { outputs.append(use) }
        if seen.insert(artifact).inserted { objects.append(artifact) }
        if row["digest"] as String? != nil {
            let digest = try row.digest("digest")
            if seen.insert(digest).inserted { objects.append(digest) }
        }
    }

    var result: StepResult {
        StepResult(key: key, attempt: attempt, run: run, ended: ended, outputs: outputs, objects: objects)
    }
}
