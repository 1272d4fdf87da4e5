public import Artifacts
import Foundation
public import Lineage

extension Value {
    /// The value as indented JSON, keys in order: for documents that people look into.
    ///
    /// Values have a canonical form here: they come from records.
    public var indentedText: String { text(indent: "") }

    private func text(indent: String) -> String {
        let inner = indent + "  "
        switch self {
        case .map(let pairs) where !pairs.isEmpty:
            let lines = pairs.sorted { $0.key < $1.key }.map {
                "\(inner)\(Value.string($0.key).lineText): \($0.value.text(indent: inner))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        case .list(let items) where !items.isEmpty:
            return "[\n" + items.map { inner + $0.text(indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
        default: return lineText
        }
    }

    /// The value as JSON on one line.
    public var lineText: String {
        guard let text = try? canonicalText() else { preconditionFailure("a document with a number that JSON lacks") }
        return text
    }

    /// A time in UTC with milliseconds, as RFC 3339 has it.
    static func time(_ date: Date) -> Value {
        .string(date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }

    /// A seconds count that JSON can hold.
    static func seconds(_ seconds: Double) -> Value { .double(seconds.isFinite && seconds != 0 ? seconds : 0) }

    /// A text, or nothing where there is none.
    static func optional(_ text: String?) -> Value? { text.map(Value.string) }

    /// A map without the keys that have no value.
    static func map(present pairs: [String: Value?]) -> Value { .map(pairs.compactMapValues { $0 }) }
}

extension AttemptRecord {
    /// Every setting by name, defaults too.
    var settings: [(name: String, value: Value)] {
        attempt.record.fields.filter { $0.path.hasPrefix("settings.") }
            .map { (String($0.path.dropFirst("settings.".count)), $0.value) }
    }
}

extension RunAccount {
    /// The last component of a path.
    ///
    /// Documents go to others: they name files without their folders. What the user wrote stays as it is.
    static func fileName(_ path: String) -> String { String(path.split(separator: "/").last ?? Substring(path)) }

    /// What a file of the user's is called.
    func name(of entry: Manifest.Entry) -> String { Self.fileName(sources[entry.digest]?.first?.path ?? entry.path) }

    /// The digest of the pipeline file's text.
    var pipelineDigest: Digest { Digest(of: run.run.text) }

    /// What the pipeline file is called.
    var pipelineFile: String { Self.fileName(run.run.file) }

    /// The arguments of the command, without the folder of the program.
    var arguments: [Value] {
        run.run.commandLine.enumerated().map { .string($0.offset == 0 ? Self.fileName($0.element) : $0.element) }
    }

    /// The files of an artifact, none where it was never recorded.
    func entries(of artifact: Digest) -> [Manifest.Entry] { artifacts[artifact]?.manifest.entries ?? [] }

    /// The version of the tool as a URI: what made the document.
    var producer: String { "urn:motrans:tool:\(run.run.toolVersion)" }

    /// When the run ended: for one that never said so, the last that is known of it.
    var ended: Date {
        run.ended ?? attempts.filter { !isReused($0) }.compactMap { $0.ended ?? $0.attempt.started }.max()
            ?? run.run.started
    }
}

extension RunAccount.Output {
    /// `samples[2]/videos`: unique among the outputs of a run.
    var name: String { "\(step)/\(use.port)" + (use.position > 0 ? ".\(use.position)" : "") }
}

/// Why a run cannot be exported.
public enum ExportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A statement vouches for results, and this run has none.
    case unfinished(RunID, RunOutcome)
    /// An archive of this form cannot hold so much.
    case tooLarge(String)

    /// What happened, why, and what to do.
    public var description: String {
        switch self {
        case .unfinished(let run, let outcome):
            "run \(run) has no results to vouch for: it \(outcome == .succeeded ? "gave none" : "is \(outcome.rawValue)"); "
                + "the formats prov, ro-crate and openlineage tell of such runs too"
        case .tooLarge(let path): "\(path) makes the archive larger than 4 GiB; give a folder to --to"
        }
    }
}
