import Artifacts
import Foundation
import GRDB

extension Date {
    /// The time as the database has it: whole milliseconds since 1970.
    var milliseconds: Int { Int((timeIntervalSince1970 * 1000).rounded(.down)) }

    init(milliseconds: Int) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }
}

extension Row {
    /// A column that must hold a digest.
    func digest(_ column: String) throws -> Digest {
        let text: String = self[column] ?? ""
        guard let digest = Digest(hex: text) else {
            throw LineageError.record(what: column, reason: "\"\(text)\" is not a digest")
        }
        return digest
    }

    /// A column that must hold one of an enum's cases.
    func option<Option: RawRepresentable>(_ column: String, _ type: Option.Type = Option.self) throws -> Option
    where Option.RawValue == String {
        let text: String = self[column]
        guard let option = Option(rawValue: text) else {
            throw LineageError.record(what: column, reason: "\"\(text)\" is not a known \(Option.self)")
        }
        return option
    }

    /// A column of milliseconds.
    func date(_ column: String) -> Date { Date(milliseconds: self[column] ?? 0) }

    /// A column of milliseconds or NULL.
    func optionalDate(_ column: String) -> Date? { (self[column] as Int?).map(Date.init(milliseconds:)) }

    /// The columns host, boot, space, pid and process_started.
    var process: ProcessIdentity {
        ProcessIdentity(
            host: self["host"], boot: self["boot"], space: self["space"], pid: self["pid"],
            started: self["process_started"])
    }
}

extension ProcessIdentity {
    /// What `Row.process` reads.
    var columns: StatementArguments {
        ["host": host, "boot": boot, "space": space, "pid": pid, "process_started": started]
    }
}

extension Database {
    /// Runs a statement that is prepared once per connection.
    func run(_ sql: String, _ arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }

    /// All rows of a query that is prepared once per connection.
    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        let statement = try cachedStatement(sql: sql)
        let rows = try Row.fetchAll(statement, arguments: arguments)
        let kinds = statement.columnNames.map(ColumnKind.init)
        for row in rows { try row.check(kinds) }
        return rows
    }

    /// Reads the rows of a query one after the other, where there are many: each holds only until the next.
    func forEachRow(_ sql: String, _ arguments: StatementArguments = [], _ body: (Row) throws -> Void) throws {
        let statement = try cachedStatement(sql: sql)
        let kinds = statement.columnNames.map(ColumnKind.init)
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        while let row = try rows.next() {
            try row.check(kinds)
            try body(row)
        }
    }

    /// The first row of a query that is prepared once per connection.
    func row(_ sql: String, _ arguments: StatementArguments = []) throws -> Row? {
        let statement = try cachedStatement(sql: sql)
        let row = try Row.fetchOne(statement, arguments: arguments)
        try row?.check(statement.columnNames.map(ColumnKind.init))
        return row
    }
}

/// What a column of the schema holds.
///
/// Damaged pages can give anything for it, and reading a value as what it is not ends the process: every row is checked
/// before it is read.
enum ColumnKind {
    case text(isOptional: Bool), integer(isOptional: Bool), real
    /// No column of a table.
    case other

    init(_ column: String) {
        let isOptional = Self.optional.contains(column)
        self =
            Self.integers.contains(column)
            ? .integer(isOptional: isOptional)
            : Self.reals.contains(column)
                ? .real : Self.others.contains(column) ? .other : .text(isOptional: isOptional)
    }

    private static let integers: Set = [
        "stage_version", "started", "ended", "peak_memory", "threads", "size", "recorded", "position", "pid",
        "process_started", "first_seen", "last_seen", "device", "inode", "mtime", "ctime", "token", "beat", "acquired",
        "heartbeat", "value", "date", "bytes", "done", "sequence", "memory",
    ]
    private static let reals: Set = ["wall_seconds", "cpu_seconds", "seconds"]
    private static let optional: Set = ["ended", "error", "element", "cause", "attempt", "digest", "run"]
    private static let others: Set = ["1", "picture"]
}

extension Row {
    /// Throws when a value is not what its column holds.
    func check(_ kinds: [ColumnKind]) throws {
        for (index, kind) in kinds.enumerated() {
            let storage = (self[index] as DatabaseValue).storage
            let isRight =
                switch (kind, storage) {
                case (.text, .string), (.integer, .int64), (.real, .double), (.other, _): true
                case (.text(let isOptional), .null), (.integer(let isOptional), .null): isOptional
                default: false
                }
            guard isRight else {
                let column = columnNames.dropFirst(index).first ?? ""
                throw LineageError.record(what: column, reason: "its value is not of its kind: the database is damaged")
            }
        }
    }
}

extension Value {
    /// The canonical text, as the database keeps values.
    func databaseText(of what: String) throws -> String {
        do {
            return try canonicalText()
        } catch {
            throw LineageError.record(what: what, reason: "\(error)")
        }
    }

    /// Reads `databaseText` back.
    init(databaseText text: String, of what: String) throws {
        do {
            try self.init(canonicalText: text)
        } catch {
            throw LineageError.record(what: what, reason: "\(error)")
        }
    }
}
