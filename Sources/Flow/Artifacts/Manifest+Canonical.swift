import Foundation

extension Manifest {
    /// The version of the text that this tool writes and reads.
    static let version = 1

    /// The canonical JSON text: `{"attributes":…,"files":[{"digest":…,"path":…,"size":…,"type":…}],"kind":…,"manifest":1}`.
    ///
    /// - Throws: `ArtifactError.path` and `.duplicatePath` for files that no artifact may have, `.number` for attributes
    ///   without a canonical form.
    public func canonicalText() throws(ArtifactError) -> String {
        try checkPaths()
        return try Value.map([
            "manifest": .int(Self.version),
            "kind": .string(kind.name),
            "attributes": attributes,
            "files": .list(
                entries.map { entry in
                    .map([
                        "path": .string(entry.path), "digest": .string(entry.digest.hex), "size": .int(entry.size),
                        "type": .string(entry.mediaType),
                    ])
                }),
        ]).canonicalText()
    }

    /// The name of the artifact: the SHA-256 of its canonical text.
    public func digest() throws(ArtifactError) -> Digest { Digest(of: try canonicalText()) }

    /// Reads canonical text back.
    ///
    /// - Throws: `ArtifactError` for text that is not JSON, not a manifest, of a newer version, or not canonical.
    public init(canonicalText text: String) throws(ArtifactError) {
        let value = try Value(canonicalText: text)
        guard let version = value["manifest"]?.int else { throw .manifest("no version") }
        guard version == Self.version else {
            throw .manifest("version \(version), and this tool reads version \(Self.version); use a newer tool")
        }
        guard let kind = value["kind"]?.string, let files = value["files"]?.list,
            let attributes = value["attributes"]
        else { throw .manifest("kind, files or attributes are missing") }
        let entries = try files.map { file throws(ArtifactError) in
            guard let path = file["path"]?.string, let digest = file["digest"]?.string.flatMap(Digest.init(hex:)),
                let size = file["size"]?.int, size >= 0, let type = file["type"]?.string
            else { throw .manifest("a file without path, digest, size or type") }
            return Entry(path: path, digest: digest, size: size, mediaType: type)
        }
        self.init(kind: ArtifactKind(kind), entries: entries, attributes: attributes)
        // One text per manifest: anything else would give one artifact two names.
        guard try canonicalText() == text else { throw .manifest("the text is not canonical") }
    }

    /// The sum of the sizes of its files, in bytes.
    public var size: Int { entries.reduce(0) { $0 + $1.size } }

    private func checkPaths() throws(ArtifactError) {
        for entry in entries { try Self.check(path: entry.path) }
        for (entry, next) in zip(entries, entries.dropFirst()) {
            guard entry.path != next.path else { throw .duplicatePath(entry.path) }
        }
        // `a` as a file and `a/b` as another cannot both be restored.
        let paths = Set(entries.map(\.path))
        for entry in entries {
            var folder = Substring(entry.path)
            while let end = folder.utf8.lastIndex(of: UInt8(ascii: "/")) {
                folder = folder[..<end]
                guard !paths.contains(String(folder)) else {
                    throw .path(entry.path, why: "\"\(folder)\" is a file of the artifact too")
                }
            }
        }
    }

    /// Refuses paths that could leave the artifact's folder or that could not be made on every file system.
    public static func check(path: String) throws(ArtifactError) {
        guard !path.isEmpty else { throw .path(path, why: "it is empty") }
        // Bytes, not characters: a slash with a combining mark behind it is one Character to Swift, and a slash to the
        // file system.
        let slash = UInt8(ascii: "/")
        guard path.utf8.first != slash else { throw .path(path, why: "it is absolute") }
        guard path.utf8.count <= 4096 else { throw .path(path, why: "it is longer than 4096 bytes") }
        guard path.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 }) else {
            throw .path(path, why: "it has a control character")
        }
        for component in path.utf8.split(separator: slash, omittingEmptySubsequences: false).map(Substring.init) {
            guard !component.isEmpty else { throw .path(path, why: "it has an empty component") }
            guard component != ".", component != ".." else { throw .path(path, why: "it has a component \(component)") }
            guard component.utf8.count <= 255 else { throw .path(path, why: "a component is longer than 255 bytes") }
        }
    }
}
