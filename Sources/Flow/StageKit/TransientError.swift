/// An error that may be gone when the same work is tried again: a server that was busy, a program that says so.
public protocol TransientError: Error {
    /// Whether trying again may help.
    var isTransient: Bool { get }
}
