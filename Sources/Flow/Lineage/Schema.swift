import GRDB

/// The tables of the database, as a list of steps from each version to the next.
///
/// `user_version` is the number of steps taken. A step that has been released is never changed: a new one is added.
/// Each runs in a transaction of its own, so a database is always at some version and never between two.
///
/// Conventions: digests are 64 hexadecimal digits; times are whole milliseconds since 1970 UTC, except in `stat_cache`,
/// which has nanoseconds; values and lists are canonical JSON; outcomes and decisions are the raw values of their enums.
struct Schema: Sendable {
    let migrations: [@Sendable (Database) throws -> Void]

    /// Marks a file as ours: "motr".
    static let applicationID = 0x6D6F_7472

    static let current = Schema(migrations: [
        { try $0.execute(sql: version1) },
        { try $0.execute(sql: "ALTER TABLE runs ADD COLUMN environment TEXT NOT NULL DEFAULT '{}'") },
        { try $0.execute(sql: "ALTER TABLE attempts ADD COLUMN setting_places TEXT NOT NULL DEFAULT '{}'") },
        { try $0.execute(sql: checkpoints) },
        { try $0.execute(sql: chain) },
        { try $0.execute(sql: deliveries) },
        { try $0.execute(sql: remains) },
        { try $0.execute(sql: announcements) },
    ])

    var version: Int { migrations.count }

    /// The version from which on records are chained.
    static let chained = 5

    private static let chain = """
        CREATE TABLE chain (
            sequence INTEGER PRIMARY KEY NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, content TEXT NOT NULL,
            previous TEXT NOT NULL, digest TEXT NOT NULL
        );
        CREATE INDEX chain_subject ON chain (kind, subject, sequence);
        CREATE INDEX attempts_stage ON attempts (stage, outcome, id);
        """

    private static let checkpoints = """
        CREATE TABLE checkpoints (
            prefix TEXT NOT NULL, done INTEGER NOT NULL, artifact TEXT NOT NULL, attempt TEXT NOT NULL,
            recorded INTEGER NOT NULL,
            PRIMARY KEY (prefix, done)
        ) WITHOUT ROWID;
        CREATE INDEX checkpoints_artifact ON checkpoints (artifact);
        CREATE TABLE attempt_checkpoints (
            attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, part TEXT NOT NULL,
            done INTEGER NOT NULL, artifact TEXT NOT NULL, writer TEXT NOT NULL,
            PRIMARY KEY (attempt, part)
        ) WITHOUT ROWID;
        """

    private static let remains = """
        CREATE TABLE remains (
            artifact TEXT NOT NULL, path TEXT NOT NULL, facts TEXT NOT NULL, picture BLOB,
            PRIMARY KEY (artifact, path)
        );
        """

    /// Objects that attempts at work are about to publish.
    private static let announcements = """
        CREATE TABLE announcements (
            attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, digest TEXT NOT NULL,
            PRIMARY KEY (attempt, digest)
        ) WITHOUT ROWID;
        CREATE INDEX announcements_digest ON announcements (digest);
        """

    private static let deliveries = """
        CREATE TABLE deliveries (
            digest TEXT NOT NULL, artifact TEXT NOT NULL, path TEXT NOT NULL, run TEXT, date INTEGER NOT NULL,
            PRIMARY KEY (digest, artifact, path)
        ) WITHOUT ROWID;
        CREATE INDEX deliveries_artifact ON deliveries (artifact);
        CREATE TABLE fingerprints (
            artifact TEXT NOT NULL, path TEXT NOT NULL, packets TEXT NOT NULL, frames TEXT NOT NULL,
            PRIMARY KEY (artifact, path)
        ) WITHOUT ROWID;
        """

    private static let version1 = """
        CREATE TABLE runs (
            id TEXT PRIMARY KEY NOT NULL, pipeline TEXT NOT NULL, file TEXT NOT NULL, text TEXT NOT NULL,
            command_line TEXT NOT NULL, tool_version TEXT NOT NULL,
            host TEXT NOT NULL, boot TEXT NOT NULL, space TEXT NOT NULL, pid INTEGER NOT NULL,
            process_started INTEGER NOT NULL,
            started INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL
        );
        CREATE INDEX runs_outcome ON runs (outcome);
        CREATE INDEX runs_pipeline ON runs (pipeline, id);

        CREATE TABLE attempts (
            id TEXT PRIMARY KEY NOT NULL, run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            step TEXT NOT NULL, stage TEXT NOT NULL, stage_version INTEGER NOT NULL,
            key TEXT NOT NULL, record TEXT NOT NULL, element TEXT, cause TEXT NOT NULL,
            outcome TEXT NOT NULL, error TEXT, log TEXT NOT NULL DEFAULT '',
            started INTEGER NOT NULL, ended INTEGER,
            wall_seconds REAL NOT NULL DEFAULT 0, cpu_seconds REAL NOT NULL DEFAULT 0,
            peak_memory INTEGER NOT NULL DEFAULT 0, kernels TEXT NOT NULL DEFAULT '',
            threads INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX attempts_key ON attempts (key, outcome, id);
        CREATE INDEX attempts_step ON attempts (step, id);
        CREATE INDEX attempts_run ON attempts (run, id);

        CREATE TABLE artifacts (
            digest TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, attributes TEXT NOT NULL,
            recorded INTEGER NOT NULL
        );
        CREATE TABLE artifact_files (
            artifact TEXT NOT NULL REFERENCES artifacts (digest) ON DELETE CASCADE, path TEXT NOT NULL,
            digest TEXT NOT NULL, size INTEGER NOT NULL, type TEXT NOT NULL,
            PRIMARY KEY (artifact, path)
        ) WITHOUT ROWID;
        CREATE INDEX artifact_files_digest ON artifact_files (digest);

        CREATE TABLE attempt_inputs (
            attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, port TEXT NOT NULL,
            position INTEGER NOT NULL, artifact TEXT NOT NULL, kind TEXT NOT NULL,
            PRIMARY KEY (attempt, port, position)
        ) WITHOUT ROWID;
        CREATE INDEX attempt_inputs_artifact ON attempt_inputs (artifact);
        CREATE TABLE attempt_outputs (
            attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, port TEXT NOT NULL,
            position INTEGER NOT NULL, artifact TEXT NOT NULL, kind TEXT NOT NULL,
            PRIMARY KEY (attempt, port, position)
        ) WITHOUT ROWID;
        CREATE INDEX attempt_outputs_artifact ON attempt_outputs (artifact);
        CREATE TABLE attempt_models (
            attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, part TEXT NOT NULL,
            digest TEXT NOT NULL, path TEXT NOT NULL,
            PRIMARY KEY (attempt, part)
        ) WITHOUT ROWID;
        CREATE INDEX attempt_models_digest ON attempt_models (digest);

        CREATE TABLE run_steps (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, step TEXT NOT NULL, stage TEXT NOT NULL,
            decision TEXT NOT NULL, cause TEXT, attempt TEXT,
            PRIMARY KEY (run, step)
        );
        CREATE INDEX run_steps_attempt ON run_steps (attempt);

        CREATE TABLE sources (
            path TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
            first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
            PRIMARY KEY (path, digest)
        ) WITHOUT ROWID;
        CREATE INDEX sources_digest ON sources (digest);
        CREATE TABLE stat_cache (
            path TEXT PRIMARY KEY NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
            mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, digest TEXT NOT NULL, recorded INTEGER NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE leases (
            key TEXT PRIMARY KEY NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL, space TEXT NOT NULL,
            pid INTEGER NOT NULL, process_started INTEGER NOT NULL,
            token INTEGER NOT NULL, beat INTEGER NOT NULL, acquired INTEGER NOT NULL, heartbeat INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;

        CREATE TABLE pins (
            kind TEXT NOT NULL, target TEXT NOT NULL, note TEXT NOT NULL, date INTEGER NOT NULL,
            PRIMARY KEY (kind, target)
        ) WITHOUT ROWID;
        CREATE TABLE revocations (
            kind TEXT NOT NULL, target TEXT NOT NULL, reason TEXT NOT NULL, date INTEGER NOT NULL,
            PRIMARY KEY (kind, target)
        ) WITHOUT ROWID;
        CREATE TABLE evictions (
            id INTEGER PRIMARY KEY, digest TEXT NOT NULL, bytes INTEGER NOT NULL, reason TEXT NOT NULL,
            date INTEGER NOT NULL
        );
        CREATE INDEX evictions_digest ON evictions (digest);
        """
}
