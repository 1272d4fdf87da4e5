import Artifacts
import Testing

@Suite struct ManifestTests {
    private let manifest = Manifest(
        kind: .videos,
        entries: [
            .init(path: "seed-2.mp4", digest: Digest(of: "two"), size: 3, mediaType: "video/mp4"),
            .init(path: "a/seed-1.mp4", digest: Digest(of: "one"), size: 5, mediaType: "video/mp4"),
        ],
        attributes: .list([.map(["seed": .int(1), "guidance": .double(12)])]))

    @Test("a manifest has one text, sorted by path, and reads back")
    func roundTrip() throws {
        let text = try manifest.canonicalText()
        #expect(
            text == """
                {"attributes":[{"guidance":12.0,"seed":1}],"files":[{"digest":"\(Digest(of: "one"))",\
                "path":"a/seed-1.mp4","size":5,"type":"video/mp4"},{"digest":"\(Digest(of: "two"))","path":"seed-2.mp4",\
                "size":3,"type":"video/mp4"}],"kind":"videos","manifest":1}
                """)
        #expect(try Manifest(canonicalText: text) == manifest)
        #expect(try manifest.digest() == Digest(of: text))
        #expect(manifest.size == 8)
    }

    @Test(
        "paths that leave the artifact or cannot be made are refused",
        arguments: [
            "", "/etc/passwd", "../a", "a/../b", "a/./b", ".", "a//b", "a/", "/\u{301}etc", "a/../\u{301}b", "..",
            "a\u{0}b", "a\nb",
            String(repeating: "x", count: 256),
        ])
    func badPaths(path: String) {
        let bad = Manifest(
            kind: .files, entries: [.init(path: path, digest: Digest(of: ""), size: 0, mediaType: "text/plain")])
        #expect {
            try bad.canonicalText()
        } throws: { error in
            guard case .path(path, _)? = error as? ArtifactError else { return false }
            return true
        }
    }

    @Test("a path may be there once, and a file is no folder")
    func duplicates() {
        func manifest(_ paths: String...) -> Manifest {
            Manifest(
                kind: .files,
                entries: paths.map { .init(path: $0, digest: Digest(of: $0), size: 1, mediaType: "text/plain") })
        }
        #expect(throws: ArtifactError.duplicatePath("a")) { try manifest("a", "b", "a").digest() }
        // Equal in Unicode, though not in bytes.
        #expect(throws: ArtifactError.self) { try manifest("\u{E9}", "e\u{301}").digest() }
        #expect(throws: ArtifactError.path("a/b/c", why: "\"a/b\" is a file of the artifact too")) {
            try manifest("a/b/c", "a/b").digest()
        }
    }

    @Test("text that is not a manifest of this version, or not canonical, is refused")
    func foreignText() throws {
        let text = try manifest.canonicalText()
        #expect(throws: ArtifactError.manifest("the text is not canonical")) {
            try Manifest(canonicalText: text + "\n")
        }
        #expect(throws: ArtifactError.manifest("version 2, and this tool reads version 1; use a newer tool")) {
            try Manifest(canonicalText: text.replacing("\"manifest\":1", with: "\"manifest\":2"))
        }
        #expect(throws: ArtifactError.manifest("no version")) { try Manifest(canonicalText: "[]") }
        #expect(throws: ArtifactError.manifest("a file without path, digest, size or type")) {
            try Manifest(canonicalText: text.replacing("\"size\":5", with: "\"size\":-5"))
        }
    }

    @Test(
        "media types go by extension",
        arguments: [
            ("a/b.MP4", "video/mp4"), ("x.safetensors", "application/x-safetensors"),
            ("README", "application/octet-stream"),
            ("a.d/b", "application/octet-stream"), ("scores.json", "application/json"),
        ])
    func mediaTypes(path: String, type: String) { #expect(MediaType.of(path: path) == type) }
}
