import ArgumentParser
import Foundation
import Tensors

/// The composition root.
///
/// Puts stages, store and lineage together, and turns what happens into words.
@main
struct Motrans: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "motrans",
        abstract: "Customise the motion of a text-to-video diffusion model, and know what made every result.",
        discussion: """
            A pipeline file declares clips of one motion, prompts and settings; `motrans run FILE` does what is not yet
            done. Results go to standard output, everything else to standard error.

            \(ExitStatus.help)
            """,
        version: ToolVersion.text,
        subcommands: [
            RunCommand.self, StatusCommand.self, ExplainCommand.self, DagCommand.self, RunsCommand.self,
            ShowCommand.self, LogsCommand.self, DiffCommand.self, MetricsCommand.self, LineageCommand.self,
            ExportCommand.self, GetCommand.self, VerifyCommand.self, GCCommand.self, PinCommand.self,
            UnpinCommand.self, RevokeCommand.self, ProveCommand.self, DBCommand.self, InitCommand.self,
            ValidateCommand.self, SchemaCommand.self, TraceCommand.self, ModelsCommand.self, ForwardCommand.self,
            SampleCommand.self, LoRACommand.self, BenchCommand.self, WorldCommand.self, DoctorCommand.self,
            VersionCommand.self,
        ])

    /// Parses, runs, and turns every error into a sentence on standard error and an exit code of the table.
    static func main() async {
        // `motrans run --json | head` must not end the run: words that nobody reads are dropped.
        signal(SIGPIPE, SIG_IGN)
        // A file that may not grow any more (`ulimit -f`) is an error with a sentence, not a sudden end.
        signal(SIGXFSZ, SIG_IGN)
        do {
            try NameCheck.perform()
            var command = try parseAsRoot()
            // A level of kernels that cannot run is told before anything runs: other kernels give other bits.
            _ = try KernelLevel.forced()
            if var command = command as? any AsyncParsableCommand {
                try ThreadCheck.perform()
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.end(with: error)
        }
    }
}

/// The version of the tool, kept with every run.
enum ToolVersion {
    static let text = "0.1.0"
}
