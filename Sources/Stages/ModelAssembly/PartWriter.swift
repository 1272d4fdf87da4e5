import Artifacts
import Checkpoints
import Formats
import Foundation
import Pretraining
import StageKit

/// Writes the parts of a model set.
struct PartWriter {
    let output: OutputFolder
    let type: ElementType

    static func isTokenizer(_ file: String) -> Bool {
        ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"].contains(file)
    }

    /// Every file of a `model` artifact, its weights in this set's precision.
    func copy(_ part: InputArtifact, to folder: String, weights: String, except: Set<String> = []) throws {
        for (path, file) in part.files.sorted(by: { $0.key < $1.key }) where !except.contains(path) {
            if path.hasSuffix(".safetensors") { continue }
            try place(file, at: "\(folder)/\(path)")
        }
        try tensors(of: part, to: "\(folder)/\(weights)") { _ in true }
    }

    /// The text tower of a CLIP as a model of its own.
    func textEncoder(of clip: InputArtifact, to folder: String) throws {
        try tensors(of: clip, to: "\(folder)/model.safetensors") { $0.hasPrefix("text_model.") }
        let data = try Data(contentsOf: clip.file("config.json"))
        guard let whole = try JSONSerialization.jsonObject(with: data) as? [String: Any],
            var text = whole["text_config"] as? [String: Any]
        else { throw FormatError.malformed(file: "config.json", why: "it has no `text_config`: it is of no CLIP") }
        text["architectures"] = ["CLIPTextModel"]
        text["model_type"] = "clip_text_model"
        let configuration = try JSONSerialization.data(withJSONObject: text, options: [.prettyPrinted, .sortedKeys])
        try self.data(configuration, to: "\(folder)/config.json")
    }

    /// A file as it is.
    func place(_ file: URL, at path: String) throws { try data(Data(contentsOf: file), to: path) }

    /// A text with a last line end.
    func text(_ text: String, to path: String) throws { try data(Data((text + "\n").utf8), to: path) }

    private func tensors(of part: InputArtifact, to path: String, where isWanted: (String) -> Bool) throws {
        let checkpoint = try Checkpoint.open(ModelArtifact.folder(part))
        let names = checkpoint.names.filter(isWanted)
        let tensors = Dictionary(uniqueKeysWithValues: try names.map { ($0, try checkpoint.tensor($0)) })
        try makeFolder(of: path)
        // transformers refuses files that do not say which library's layout they have.
        try SafetensorsFile.write(tensors, as: type, metadata: ["format": "pt"], to: output.file(path))
    }

    private func data(_ data: Data, to path: String) throws {
        try makeFolder(of: path)
        try data.write(to: output.file(path))
    }

    private func makeFolder(of path: String) throws {
        try FileManager.default.createDirectory(
            at: output.file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
    }
}
