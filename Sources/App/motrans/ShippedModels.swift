import Foundation

/// The model sets that come with the tool: a folder beside the executable, or where an installation puts it.
enum ShippedModels {
    /// `model: tiny` finds its folder here; nil where the executable was copied without it.
    static let folder: URL? = {
        guard let executable = Bundle.main.executableURL?.resolvingSymlinksInPath() else { return nil }
        let beside = executable.deletingLastPathComponent()
        let places = ["motrans_motrans.resources/Models", "../share/motrans/models"]
        return places.map { beside.appending(path: $0, directoryHint: .isDirectory).standardizedFileURL }
            .first { FileManager.default.fileExists(atPath: $0.path(percentEncoded: false)) }
    }()
}
