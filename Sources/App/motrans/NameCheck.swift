import Foundation

/// Paths are text everywhere, in the records too.
///
/// What is no text could only be found under another name, or not at all.
enum NameCheck {
    /// Looks at the arguments and at the current folder.
    ///
    /// - Throws: `CommandFailure` for bytes that are not UTF-8.
    static func perform() throws {
        for index in 0..<Int(CommandLine.argc) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            guard String(validatingCString: argument) == nil else { continue }
            throw CommandFailure(
                status: .usage,
                message: "the argument `\(String(cString: argument))` is not UTF-8 text", help: "rename the file")
        }
        guard let folder = getcwd(nil, 0) else { return }
        defer { free(folder) }
        guard String(validatingCString: folder) == nil else { return }
        throw CommandFailure(
            status: .usage, message: "the name of the current folder, \(String(cString: folder)), is not UTF-8 text",
            help: "rename it, or work in another folder")
    }
}
