import Foundation

/// What a program sees of the environment: little, so that it does the same wherever it runs.
///
/// `PATH` and `HOME` as they are; `LANG` as it is, or `C.UTF-8`; `TMPDIR` a folder that goes when the step ends; and what
/// the step sets under `environment:`, which is part of its key.
enum ChildEnvironment {
    static func variables(temporary: URL, more: [String: String]) -> [String: String] {
        let own = ProcessInfo.processInfo.environment
        var variables = ["PATH": own["PATH"] ?? ProgramSearch.standardPath, "LANG": own["LANG"] ?? "C.UTF-8"]
        variables["HOME"] = own["HOME"]
        variables["TMPDIR"] = temporary.path(percentEncoded: false)
        return variables.merging(more) { $1 }
    }
}

/// Looks for programs as the system does.
enum ProgramSearch {
    static let standardPath = "/usr/local/bin:/usr/bin:/bin"

    /// Why a program cannot be run, nil when it can.
    static func problem(with program: String) -> (message: String, help: String?)? {
        if program.hasPrefix("{inputs.") { return nil }
        if program.contains("/") {
            guard program.hasPrefix("/") else {
                return (
                    "the program `\(program)` is a relative path, and the step runs in a folder of its own",
                    "make the script an input (`inputs: {script: {file: \(program)}}`) and run it: [sh, \"{inputs.script}\"]"
                )
            }
            return isProgram(program) ? nil : ("there is no program `\(program)`", nil)
        }
        // Asked for every step of every run, so without a copy of the whole environment.
        let path = getenv("PATH").map { String(cString: $0) } ?? standardPath
        let isFound = path.split(separator: ":").contains { isProgram("\($0)/\(program)") }
        return isFound || program.isEmpty
            ? (program.isEmpty ? ("the program has no name", nil) : nil)
            : ("there is no program `\(program)` in the PATH", "install it, or give its full path")
    }

    private static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return access(path, X_OK) == 0 && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
