import Foundation
import StageKit

/// Lays the inputs out as a program expects files: under plain names, with their extensions, one folder for each port.
///
/// Links, not copies: the files stay where they are, and their names tell nothing about the store or the user's disk. What
/// another step gave is a copy of the step's own already.
enum InputLinks {
    /// What `{inputs.PORT}` stands for, by port.
    static func make(_ inputs: [String: [InputArtifact]], in root: URL) throws -> [String: String] {
        var paths: [String: String] = [:]
        for (port, artifacts) in inputs {
            let folder = root.appending(path: port, directoryHint: .isDirectory)
            guard artifacts.count == 1 else {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                // Padded, so that the order of names is the order of artifacts.
                let width = "\(max(0, artifacts.count - 1))".count
                for (index, artifact) in artifacts.enumerated() {
                    let number = "\(index)"
                    let name = String(repeating: "0", count: width - number.count) + number
                    try link(artifact, in: folder.appending(path: name, directoryHint: .isDirectory))
                }
                paths[port] = path(folder)
                continue
            }
            if artifacts[0].folder == nil { try link(artifacts[0], in: folder) }
            let place = artifacts[0].folder ?? folder
            let only = artifacts[0].files.count == 1 ? artifacts[0].files.keys.first : nil
            paths[port] = path(only.map { place.appending(path: $0) } ?? place)
        }
        return paths
    }

    private static func link(_ artifact: InputArtifact, in folder: URL) throws {
        let files = FileManager.default
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        for (relative, file) in artifact.files {
            let place = folder.appending(path: relative)
            try files.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try files.createSymbolicLink(at: place, withDestinationURL: file.absoluteURL)
        }
    }

    /// Without a slash at its end.
    static func path(_ url: URL) -> String {
        let path = url.path(percentEncoded: false)
        return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}
