public import StageKit

/// Why a program did not do its step.
public enum CommandError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It could not be started.
    case notStarted(program: String, why: String)
    /// It ended with a code that is not zero.
    case failed(program: String, code: Int32, lastLines: [String])
    /// A signal ended it.
    case killed(program: String, signal: Int32, lastLines: [String])
    /// It ended well but wrote no output.
    case missingOutput(port: String, place: String)
    /// It wrote several files where the step declares one.
    case severalFiles(port: String, kind: String, names: [String])
    /// Its `attributes.json` is no JSON.
    case badAttributes(port: String, why: String)

    /// What happened, with the last words of the program.
    public var description: String {
        switch self {
        case .notStarted(let program, let why): "`\(program)` could not be started: \(why)"
        case .failed(let program, let code, let lines): "`\(program)` ended with exit code \(code)\(Self.last(lines))"
        case .killed(let program, let signal, let lines):
            "`\(program)` was ended by signal \(signal)\(Self.name(signal))\(Self.last(lines))"
        case .missingOutput(let port, let place):
            "the program ended well but did not write its output `\(port)` (`\(place)`)"
        case .severalFiles(let port, let kind, let names):
            "the output `\(port)` is declared as \(kind), one file, but the program wrote "
                + "\(names.joined(separator: ", ")); declare it as `files` to keep them all"
        case .badAttributes(let port, let why): "the attributes.json of output `\(port)` cannot be read: \(why)"
        }
    }

    private static func last(_ lines: [String]) -> String {
        lines.isEmpty ? "; it wrote nothing" : "; its last lines:\n" + lines.map { "    \($0)" }.joined(separator: "\n")
    }

    private static func name(_ signal: Int32) -> String {
        switch signal {
        case 2: " (interrupt)"
        case 6: " (abort)"
        case 9: " (killed; out of memory?)"
        case 11: " (segmentation fault)"
        case 15: " (terminated)"
        default: ""
        }
    }
}

extension CommandError: TransientError {
    /// A program that ends with 75 asks to be tried again (`EX_TEMPFAIL` of sysexits.h).
    public var isTransient: Bool {
        if case .failed(_, 75, _) = self { true } else { false }
    }
}
