import Artifacts
import Foundation
import GRDB

// Records as they are chained and written down beside the database: all of a row that never changes again, as one value.

extension LineageReader {
    /// A record as it is now; nil when there is none.
    func record(_ kind: RecordKind, _ subject: String) throws -> Value? {
        // Of pairs, what comes after the first space: paths may have more of them.
        let parts = subject.split(separator: " ", maxSplits: 1).map(String.init)
        switch kind {
        case .artifact:
            guard let digest = Digest(hex: subject), let artifact = try artifact(digest) else { return nil }
            return .map([
                "manifest": try manifest(artifact), "recorded": .int(artifact.recorded.milliseconds),
            ])
        case .source:
            guard parts.count == 2 else { return nil }
            return try plain(
                "SELECT path, digest, size, first_seen FROM sources WHERE digest = ? AND path = ?",
                [parts[0], parts[1]])
        case .run: return try runRecord(subject)
        case .attempt: return try attemptRecord(subject)
        case .revocation:
            guard parts.count == 2 else { return nil }
            return try plain(
                "SELECT kind, target, reason, date FROM revocations WHERE kind = ? AND target = ?",
                [parts[0], parts[1]])
        case .eviction:
            return try plain(
                "SELECT CAST(id AS TEXT) AS id, digest, bytes, reason, date FROM evictions WHERE id = ?", [Int(subject)]
            )
        case .delivery:
            let names = subject.split(separator: " ", maxSplits: 2).map(String.init)
            guard names.count == 3 else { return nil }
            return try plain(
                "SELECT digest, artifact, path, run, date FROM deliveries WHERE digest = ? AND artifact = ? AND path = ?",
                [names[0], names[1], names[2]])
        case .fingerprint:
            guard parts.count == 2 else { return nil }
            return try plain(
                "SELECT artifact, path, packets, frames FROM fingerprints WHERE artifact = ? AND path = ?",
                [parts[0], parts[1]])
        case .pin:
            guard parts.count == 2 else { return nil }
            return try plain(
                "SELECT kind, target, note, date FROM pins WHERE kind = ? AND target = ?", [parts[0], parts[1]])
        }
    }

    // Every column by name: a column that is added later must not change what is chained already.
    static let runColumns = """
        id, pipeline, file, text, command_line, environment, tool_version, host, boot, space, pid, process_started,
        started, ended, outcome
        """
    static let attemptColumns = """
        id, run, step, stage, stage_version, key, record, setting_places, element, cause, outcome, error, log, started,
        ended, wall_seconds, cpu_seconds, peak_memory, kernels, threads
        """

    private func runRecord(_ id: String) throws -> Value? {
        guard case .map(var run)? = try plain("SELECT \(Self.runColumns) FROM runs WHERE id = ?", [id]) else {
            return nil
        }
        run["steps"] = .list(
            try database.rows(
                "SELECT step, stage, decision, cause, attempt FROM run_steps WHERE run = ? ORDER BY rowid", [id]
            ).map(Self.value))
        return .map(run)
    }

    private func attemptRecord(_ id: String) throws -> Value? {
        guard
            case .map(var attempt)? = try plain(
                "SELECT \(Self.attemptColumns) FROM attempts WHERE id = ?", [id])
        else { return nil }
        for (name, query, order) in [
            ("inputs", "SELECT port, position, artifact, kind FROM attempt_inputs", "port, position"),
            ("models", "SELECT part, digest, path FROM attempt_models", "part"),
            ("went_on", "SELECT part, done, artifact, writer FROM attempt_checkpoints", "part"),
        ] {
            attempt[name] = .list(
                try database.rows("\(query) WHERE attempt = ? ORDER BY \(order)", [id]).map(Self.value))
        }
        attempt["outputs"] = .list(
            try database.rows(
                """
                SELECT port, position, artifact, kind FROM attempt_outputs WHERE attempt = ? ORDER BY port, position
                """, [id]
            ).map { row in
                guard case .map(var use) = Self.value(row),
                    let artifact = try artifact(row.digest("artifact"))
                else { return .null }
                use["manifest"] = try manifest(artifact)
                return .map(use)
            })
        return .map(attempt)
    }

    private func manifest(_ artifact: ArtifactRecord) throws -> Value {
        try Value(
            databaseText: try artifact.manifest.canonicalText(), of: "the manifest of \(artifact.digest)")
    }

    /// A row as a map of its columns.
    private func plain(_ query: String, _ arguments: StatementArguments) throws -> Value? {
        try database.row(query, arguments).map(Self.value)
    }

    private static func value(_ row: Row) -> Value {
        var fields: [String: Value] = [:]
        for (column, value) in row {
            switch value.storage {
            case .null: fields[column] = .null
            case .int64(let number): fields[column] = .int(Int(number))
            case .double(let number): fields[column] = .double(number)
            case .string(let text): fields[column] = .string(text)
            case .blob(let data): fields[column] = .string(Digest(of: data).hex)
            }
        }
        return .map(fields)
    }
}
