import ArgumentParser
import Execution
import Foundation
import Lineage
import Pipelines
import Storage
import Tensors
import Tracing

/// The one table from an error to its words and its exit code.
enum Failure {
    static func end(with error: any Error) -> Never {
        let console = Console()
        switch error {
        case let code as ExitCode:
            exit(code.rawValue)
        case let failure as CommandFailure:
            console.note("error: \(failure.message)")
            if let help = failure.help { console.note("  = help: \(help)") }
        case let error as PipelineError:
            // Diagnostics carry their own places and the word `error`.
            console.note("\(error)")
        case is CancellationError:
            console.note("interrupted")
        case let error as CocoaError:
            console.note("error: \(words(error))")
        case _ where status(of: error) != nil:
            console.note("error: \(error)")
        default:
            endParsing(error, console)
        }
        exit((status(of: error) ?? .stepFailed).rawValue)
    }

    /// The exit code of an error of ours; nil for those of the argument parser and of the system.
    static func status(of error: any Error) -> ExitStatus? {
        switch error {
        case let failure as CommandFailure: failure.status
        case is PipelineError: .usage
        case is CancellationError: .interrupted
        // A place of the user's that cannot be read or written.
        case is CocoaError: .usage
        case is TraceError, is KernelLevelError: .usage
        case let error as ExecutionError: executionStatus(error)
        case let error as StorageError: storageStatus(error)
        case let error as LineageError: lineageStatus(error)
        default: nil
        }
    }

    private static func executionStatus(_ error: ExecutionError) -> ExitStatus {
        switch error {
        case .unknownStep, .notFound, .ambiguous: .notFound
        case .modelPartMissing, .wouldOverwrite: .usage
        case .sourceChanged, .outputEmpty, .timedOut, .revokedOutput: .stepFailed
        case .notReproducible, .unavailable, .revoked, .withheld: .integrity
        }
    }

    private static func lineageStatus(_ error: LineageError) -> ExitStatus {
        switch error {
        case .source: .usage
        case .changedWhileReading, .leaseLost: .stepFailed
        case .notFound, .noRecords: .notFound
        case .record: .integrity
        case .absent, .lost, .inUse, .newer, .corrupt, .busy, .noLocks, .full, .database: .storeUnavailable
        }
    }

    private static func storageStatus(_ error: StorageError) -> ExitStatus {
        switch error {
        case .missing, .damaged, .notAnArtifact: .integrity
        case .exists: .usage
        case .refused, .changedWhileReading, .manifest: .stepFailed
        case .readOnly, .split, .system: .storeUnavailable
        }
    }

    private static func words(_ error: CocoaError) -> String {
        let place = error.filePath ?? error.url?.relativePath ?? "a file"
        let reason = (error.underlying as? POSIXError).map { String(cString: strerror($0.code.rawValue)) }
        return "cannot read or write \(place): \(reason ?? error.localizedDescription)"
    }

    /// Help and versions are results; anything else of the parser is a usage error, which is 2 here and not 64.
    private static func endParsing(_ error: any Error, _ console: Console) -> Never {
        let message = Motrans.fullMessage(for: error)
        guard Motrans.exitCode(for: error) != .success else {
            if !message.isEmpty { console.result(message) }
            exit(ExitStatus.done.rawValue)
        }
        console.note("error: \(message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message)")
        let isUsage = Motrans.exitCode(for: error) == .validationFailure
        exit((isUsage ? ExitStatus.usage : .stepFailed).rawValue)
    }
}
