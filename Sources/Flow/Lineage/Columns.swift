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
        let text: String = self[column]
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
    func date(_ column: String) -> Date { Date(milliseconds: self[column]) }

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
        try Row.fetchAll(cachedStatement(sql: sql), arguments: arguments)
    }

    /// The first row of a query that is prepared once per connection.
    func row(_ sql: String, _ arguments: StatementArguments = []) throws -> Row? {
        try Row.fetchOne(cachedStatement(sql: sql), arguments: arguments)
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
