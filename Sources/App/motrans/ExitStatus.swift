import ArgumentParser

/// What the process says when it ends; printed in `motrans --help`, relied on by scripts.
enum ExitStatus: Int32 {
    case done = 0
    case stepFailed = 1
    case usage = 2
    case notFound = 3
    case integrity = 4
    case storeUnavailable = 5
    case interrupted = 130
    case terminated = 143

    /// The table that help shows.
    static let help = """
        Exit codes: 0 done, 1 a step failed, 2 usage or an invalid pipeline, 3 not found, 4 an integrity problem, \
        5 the store or its database is unavailable, 130 interrupted, 143 terminated.
        """
}

/// The end of a command that did not get what was asked for: what to tell, and how the process ends.
struct CommandFailure: Error, CustomStringConvertible {
    let status: ExitStatus
    let message: String
    var help: String?

    var description: String { message }
}
