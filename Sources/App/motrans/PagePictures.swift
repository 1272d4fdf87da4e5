import Artifacts
import Checkpoints
import Execution
import Formats
import Foundation
import Lineage
import Media
import StageKit
import Storage

/// Small pictures for a page, as `data:` addresses, of what is still in the store.
struct PagePictures {
    let engine: Engine
    let closure: LineageClosure

    /// Frames of a video or clip shown side by side.
    static let most = 8
    /// Pixels of the longer side at most.
    private static let side = 160

    /// Frames that lie evenly over a video of an artifact; nil when it is not there or cannot be decoded.
    func video(_ path: String, of artifact: Digest) -> [String]? {
        guard let entry = closure.artifacts[artifact]?.manifest.entries.first(where: { $0.path == path }) else {
            return nil
        }
        return withFile(entry) { file in
            var reader = try VideoReader(file)
            var frames: [Frames] = []
            // Only what is shown is kept: a second pass would decode twice what a first can thin out.
            var step = 1
            var index = 0
            while let frame = try reader.next() {
                if index % step == 0 { frames.append(Self.small(frame.picture)) }
                index += 1
                if frames.count == 2 * Self.most * 4 {
                    frames = stride(from: 0, to: frames.count, by: 2).map { frames[$0] }
                    step *= 2
                }
            }
            return try Self.chosen(frames.count).map { try Self.address(frames[$0]) }
        }
    }

    /// The same with their labels; of a video that is gone, the small picture that was kept.
    func anyVideo(_ path: String, of artifact: Digest) -> [(address: String, label: String)]? {
        if let frames = video(path, of: artifact) { return frames.map { ($0, "") } }
        let remains = try? engine.lineage.read { try $0.remains(of: artifact) }
        guard let picture = remains?.first(where: { $0.path == path })?.picture else { return nil }
        return [("data:image/png;base64,\(picture.base64EncodedString())", "evicted; this was kept")]
    }

    /// Frames of each clip of a `frames` artifact, and which of its frames they are; nil when it is not there.
    func clip(_ index: Int, of artifact: Digest) -> [(frame: Int, address: String)]? {
        guard
            let entry = closure.artifacts[artifact]?.manifest.entries.first(where: { $0.path == "\(index).safetensors" }
            )
        else { return nil }
        return withFile(entry) { file in
            let checkpoint = try Checkpoint.open(file)
            guard let shape = checkpoint.entry("frames")?.shape, shape.count == 4, shape[3] == 3, !shape.contains(0)
            else { return nil }
            let all = Frames(
                count: shape[0], height: shape[1], width: shape[2], bytes: try checkpoint.bytes("frames"))
            return try Self.chosen(all.count).map { ($0, try Self.address(Self.small(all[$0]))) }
        }
    }

    private func withFile<Result>(_ entry: Manifest.Entry, _ body: (URL) throws -> Result?) -> Result? {
        guard engine.store.contains(entry.digest) else { return nil }
        let folder = FileManager.default.temporaryDirectory.appending(path: "motrans-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: (entry.path as NSString).lastPathComponent)
        guard (try? engine.store.copy(entry.digest, size: entry.size, to: file)) != nil else { return nil }
        // A page without a picture is better than no page.
        return (try? body(file)).flatMap(\.self)
    }

    /// Indices that lie evenly from the first to the last.
    private static func chosen(_ count: Int) -> [Int] {
        guard count > most else { return Array(0..<count) }
        return (0..<most).map { $0 * (count - 1) / (most - 1) }
    }

    private static func small(_ picture: Frames) -> Frames {
        let longer = max(picture.width, picture.height)
        guard longer > side else { return picture }
        return picture.resized(
            height: max(1, picture.height * side / longer), width: max(1, picture.width * side / longer),
            filter: .bilinear)
    }

    private static func address(_ picture: Frames) throws -> String {
        "data:image/png;base64," + Data(try PNG.encode(picture)).base64EncodedString()
    }
}
