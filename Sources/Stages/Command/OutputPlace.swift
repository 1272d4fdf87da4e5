import Artifacts
import Foundation
import StageKit

/// Where a program writes one output, and what must be there when it has ended.
struct OutputPlace {
    let port: String
    let kind: String
    let folder: URL

    private var isOneFile: Bool { kind == ArtifactKind.file.name || kind == ArtifactKind.video.name }

    /// What `{outputs.PORT}` stands for.
    ///
    /// A `file` has no extension of its own: an argument `{outputs.table}.csv` gives it one.
    var path: String {
        let name = kind == ArtifactKind.video.name ? "\(port).mp4" : port
        let path = (isOneFile ? folder.appending(path: name) : folder).path(percentEncoded: false)
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// Throws unless the program wrote what the step declares.
    func verify(_ output: OutputFolder) throws {
        let carriesFacts = !isOneFile && kind != ArtifactKind.files.name
        let facts = folder.appending(path: "attributes.json")
        if carriesFacts, let data = try? Data(contentsOf: facts) {
            do {
                output.attributes = try Value(canonicalText: String(decoding: data, as: UTF8.self))
            } catch {
                throw CommandError.badAttributes(port: port, why: "\(error)")
            }
            try FileManager.default.removeItem(at: facts)
        }
        var names: [String] = []
        for case let name as String in FileManager.default.enumerator(atPath: folder.path(percentEncoded: false))
            ?? .init()
        {
            var isFolder: ObjCBool = false
            let path = folder.appending(path: name).path(percentEncoded: false)
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue {
                names.append(name)
            }
        }
        guard !names.isEmpty else { throw CommandError.missingOutput(port: port, place: path) }
        if isOneFile, names.count > 1 {
            throw CommandError.severalFiles(port: port, kind: kind, names: names.sorted().prefix(8).map { $0 })
        }
    }
}
