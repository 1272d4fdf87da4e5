import ArgumentParser
import Execution
import Foundation
import Lineage
import Pipelines
import Storage

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
        case let error as ExecutionError: executionStatus(error)
        case let error as StorageError: storageStatus(error)
        case is LineageError: .storeUnavailable
        default: nil
        }
    }

    private static func executionStatus(_ error: ExecutionError) -> ExitStatus {
        switch error {
        case .unknownStep, .notFound, .ambiguous: .notFound
        case .modelPartMissing, .unreadable, .wouldOverwrite: .usage
        case .sourceChanged, .outputEmpty: .stepFailed
        case .notReproducible, .unavailable: .integrity
        }
    }

    private static func storageStatus(_ error: StorageError) -> ExitStatus {
        switch error {
        case .missing, .damaged, .notAnArtifact: .integrity
        case .exists: .usage
        default: .storeUnavailable
        }
    }

    /// Help and versions are results; anything else of the parser is a usage error, which is 2 here and not 64.
    private static func endParsing(_ error: any Error, _ console: Console) -> Never {
        let message = Motrans.fullMessage(for: error)
        switch Motrans.exitCode(for: error) {
        case .success:
            if !message.isEmpty { console.result(message) }
            exit(ExitStatus.done.rawValue)
        case .validationFailure:
            console.note(message)
            exit(ExitStatus.usage.rawValue)
        default:
            console.note(message.hasPrefix("Error: ") ? "error: " + message.dropFirst(7) : "error: \(message)")
            exit(ExitStatus.stepFailed.rawValue)
        }
    }
}
