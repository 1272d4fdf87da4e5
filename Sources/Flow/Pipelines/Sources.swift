import Artifacts
import Foundation
import StageKit

// Files of the user's as inputs: clips with their prompts, single files, folders.

extension Planner {
    private static let clipExtensions: Set<String> = [
        "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "gif", "png", "jpg", "jpeg", "webp", "bmp",
    ]

    /// `clips:` as a list of files with prompts, or as a folder with captions.
    func clips(_ written: Written, in scope: Scope) -> PlacedSource? {
        guard let resolved = resolved(written, in: scope, item: nil) else { return nil }
        if let path = resolved.text { return clipFolder(path, resolved) }
        guard case .list(let items) = resolved.content else {
            problems.add(
                resolved.place, "`clips` must be a list or a folder, found \(resolved.value().inWords)",
                help: ["`- {file: clips/a.mp4, prompt: A ball is rolling}`"])
            return nil
        }
        guard !items.isEmpty else {
            problems.add(resolved.place, "`clips` is empty", help: ["add a clip: `- {file: clips/a.mp4, prompt: ...}`"])
            return nil
        }
        let clips = items.map { clip($0) }
        guard !clips.contains(where: { $0 == nil }) else { return nil }
        return source(of: clips.compactMap { $0 })
    }

    private struct Clip {
        let url: URL
        let prompt: String
        let place: Place
    }

    /// Named by their order alone: what a clip is called says nothing of its content, and its type is in its bytes.
    private func source(of clips: [Clip]) -> PlacedSource {
        PlacedSource(
            input: SourceInput(
                kind: .clips,
                files: clips.enumerated().map { .init(path: "\($0)", url: $1.url) },
                attributes: .list(clips.map { .map(["prompt": .string($0.prompt)]) })),
            places: clips.map(\.place))
    }

    /// A name that says nothing but the type, which a program may go by: a renamed file is the same content.
    private func neutralName(of url: URL) -> String {
        let suffix = url.pathExtension.lowercased()
        let isPlain =
            !suffix.isEmpty && suffix.utf8.count <= 16 && suffix.allSatisfy { $0.isASCII && $0.isLetter || $0.isNumber }
        return isPlain ? "0.\(suffix)" : "0"
    }

    private func clip(_ written: Written) -> Clip? {
        guard written.isMap else {
            problems.add(
                written.place, "a clip must be a map with `file` and `prompt`, found \(written.value().inWords)",
                help: ["`- {file: clips/a.mp4, prompt: A ball is rolling}`"])
            return nil
        }
        allow(["file", "prompt"], in: written.entries, of: "a clip")
        for key in ["file", "prompt"] where written[key] == nil {
            problems.add(
                written.place, "the clip has no `\(key)`",
                help: [key == "file" ? "`file:` is its path" : "`prompt:` says what it shows: A red ball is zigzagging"]
            )
        }
        let prompt = written["prompt"].flatMap(prompt)?["prompt"]?.text
        guard let file = written["file"], let path = text(file, "`file`") else { return nil }
        let url = url(path, from: file.place.source.folder)
        guard exists(url, file, "clip"), isFile(url, file), let prompt else { return nil }
        return Clip(url: url, prompt: prompt, place: file.place)
    }

    private func isFile(_ url: URL, _ written: Written) -> Bool {
        guard isFolder(url) else { return true }
        problems.add(written.place, "`\(written.text ?? "")` is a folder, not a file")
        return false
    }

    private func isFolder(_ url: URL) -> Bool {
        var isFolder: ObjCBool = false
        let path = url.path(percentEncoded: false)
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// A folder as people keep training sets: `name.txt` beside `name.mp4`, or one `metadata.jsonl`.
    private func clipFolder(_ path: String, _ written: Written) -> PlacedSource? {
        let folder = url(path, from: written.place.source.folder)
        guard exists(folder, written, "folder") else { return nil }
        guard isFolder(folder) else {
            problems.add(
                written.place, "`\(path)` is a file; `clips` is a list, or a folder of clips",
                help: ["`clips: [{file: \(path), prompt: ...}]`"])
            return nil
        }
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? [])
            .sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        if names.contains("metadata.jsonl") { return clipTable(folder, written) }
        let clips = names.filter {
            !$0.hasPrefix(".") && Self.clipExtensions.contains(($0 as NSString).pathExtension.lowercased())
        }
        guard !clips.isEmpty else {
            problems.add(
                written.place, "there are no clips in the folder `\(path)`",
                help: ["clips are files such as a.mp4, each with its prompt in a.txt beside it"])
            return nil
        }
        var found: [Clip] = []
        for name in clips {
            let sidecar = "\((name as NSString).deletingPathExtension).txt"
            let data = try? Data(contentsOf: folder.appending(path: sidecar))
            let prompt = data.flatMap { String(validating: $0, as: UTF8.self) }?
                .trimmingCharacters(in: .whitespacesAndNewlines)
            guard let prompt, !prompt.isEmpty else {
                let why = data == nil ? "there is no" : "there is no readable text in"
                problems.add(
                    written.place, "the clip `\(name)` has no prompt: \(why) `\(sidecar)`",
                    help: ["say in \(sidecar) what the clip shows, or list the clips in a metadata.jsonl"])
                continue
            }
            found.append(Clip(url: folder.appending(path: name), prompt: prompt, place: written.place))
        }
        return found.count == clips.count ? source(of: found) : nil
    }

    /// One JSON object a line: `file_name`, and `text`, `prompt` or `caption`.
    private func clipTable(_ folder: URL, _ written: Written) -> PlacedSource? {
        let file = folder.appending(path: "metadata.jsonl")
        let name = "\((written.text ?? "") as NSString)/metadata.jsonl".replacingOccurrences(of: "//", with: "/")
        guard let data = try? Data(contentsOf: file),
            let table = YAMLReader.source(data, named: name, in: folder, problems)
        else { return nil }
        var found: [Clip] = []
        var isComplete = true
        var number = 0
        while let line = table.line(number + 1) {
            number += 1
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            let place = Place(table, line: number)
            guard case .map(let object)? = try? Value(canonicalText: line) else {
                problems.add(place, "the line is not a JSON object")
                isComplete = false
                continue
            }
            guard case .string(let fileName)? = object["file_name"] ?? object["file"] else {
                problems.add(place, "the line has no `file_name`")
                isComplete = false
                continue
            }
            guard case .string(let prompt)? = object["text"] ?? object["prompt"] ?? object["caption"],
                prompt.contains(where: { !$0.isWhitespace })
            else {
                problems.add(place, "the line has no `text` that says what `\(fileName)` shows")
                isComplete = false
                continue
            }
            let clip = url(fileName, from: folder)
            let named = Written(content: .scalar(fileName, isPlain: false), place: place)
            guard exists(clip, named, "clip"), isFile(clip, named) else {
                isComplete = false
                continue
            }
            found.append(Clip(url: clip, prompt: prompt, place: place))
        }
        if found.isEmpty, isComplete { problems.add(written.place, "`metadata.jsonl` lists no clips") }
        return isComplete && !found.isEmpty ? source(of: found) : nil
    }

    /// A single file.
    func file(_ written: Written, in scope: Scope) -> PlacedSource? {
        guard let resolved = resolved(written, in: scope, item: nil), let path = text(resolved, "a file") else {
            return nil
        }
        let file = url(path, from: resolved.place.source.folder)
        guard exists(file, resolved, "file"), isFile(file, resolved) else { return nil }
        return PlacedSource(
            input: SourceInput(kind: .file, files: [.init(path: neutralName(of: file), url: file)]),
            places: [resolved.place])
    }

    /// A folder with all that is in it, under the names that it has there; hidden files are left out.
    func files(_ written: Written, in scope: Scope) -> PlacedSource? {
        guard let resolved = resolved(written, in: scope, item: nil), let path = text(resolved, "a folder") else {
            return nil
        }
        let folder = url(path, from: resolved.place.source.folder)
        guard exists(folder, resolved, "folder") else { return nil }
        guard isFolder(folder) else {
            problems.add(resolved.place, "`\(path)` is a file", help: ["`{file: \(path)}` takes a single file"])
            return nil
        }
        let root = folder.path(percentEncoded: false)
        var found: [SourceInput.File] = []
        for case let relative as String in FileManager.default.enumerator(atPath: root) ?? .init() {
            guard !relative.split(separator: "/").contains(where: { $0.hasPrefix(".") }) else { continue }
            let file = folder.appending(path: relative)
            // Bytes that are no text come as replacement characters, and then the name leads nowhere.
            guard !relative.contains("\u{FFFD}") || FileManager.default.fileExists(atPath: file.path) else {
                problems.add(
                    resolved.place, "the folder `\(path)` has a file whose name is not UTF-8 text: \(relative)",
                    help: ["rename it"])
                return nil
            }
            if !isFolder(file) { found.append(.init(path: relative, url: file)) }
            guard found.count <= 100_000 else {
                problems.add(resolved.place, "the folder `\(path)` has more than 100,000 files")
                return nil
            }
        }
        guard !found.isEmpty else {
            problems.add(resolved.place, "the folder `\(path)` is empty")
            return nil
        }
        found.sort { Array($0.path.utf8).lexicographicallyPrecedes(Array($1.path.utf8)) }
        return PlacedSource(
            input: SourceInput(kind: .files, files: found), places: found.map { _ in resolved.place })
    }
}
