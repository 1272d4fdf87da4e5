public import StageKit

extension StageRequest {
    /// Whether anything feeds an input port: the user's files or another step.
    public func isConnected(_ port: String) -> Bool { sources[port] != nil || upstream[port] != nil }
}
