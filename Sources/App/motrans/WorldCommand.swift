import ArgumentParser
import Foundation
import Media
import Pipelines
import Tensors
import World

struct WorldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "world", abstract: "Draw clips of the procedural world, with their captions.",
        discussion: """
            A clip is NAME.mp4 with its caption in NAME.txt: eight frames of 32 x 32 pixels, enlarged.
            What is left out is drawn at random from the seed; the second clip has the next seed, and so on.

            Motions: \(names(of: motions)). At random it is one of the first fifteen.
            Subjects: \(names(of: Subject.allCases)).
            Colours: \(names(of: Colour.allCases)).
            Places: \(names(of: Place.allCases)).

            \(ExitStatus.help)
            """)

    @Option(help: "How the subject moves.") var motion: String?
    @Option(help: "Who moves.") var subject: String?
    @Option(help: "The subject's colour.") var colour: String?
    @Option(help: "Where it moves.") var place: String?
    @Option(help: "What chance adds: equal seeds give equal clips.") var seed: UInt64 = 0
    @Option(help: "How many clips.") var count = 1
    @Option(help: "Width and height of the clips in pixels, a multiple of 32.") var size = 256
    @Option(help: "Frames a second.") var fps: Double = 4
    @Option(help: ArgumentHelp("The folder of the clips; made if it is not there.", valueName: "FOLDER"))
    var to: String?
    @Option(
        help: ArgumentHelp(
            "A picture of all clips: one row each, the frames side by side.", valueName: "FILE.png"))
    var sheet: String?
    @Flag(help: "Files that are there already may be replaced.") var replace = false

    private static let motions = Motion.base + Motion.heldOut + Motion.extra
    private static let pixels = 32

    func validate() throws {
        guard to != nil || sheet != nil else {
            throw ValidationError("say where the clips go: --to FOLDER, --sheet FILE.png, or both")
        }
        guard (1...10_000).contains(count) else {
            throw ValidationError("--count is a number from 1 to 10000, not \(count)")
        }
        guard size % Self.pixels == 0, (Self.pixels...2048).contains(size) else {
            throw ValidationError("--size is a multiple of \(Self.pixels), at most 2048, not \(size)")
        }
        guard fps > 0, fps.isFinite else { throw ValidationError("--fps is a number above 0, not \(fps)") }
        guard sheet == nil || count <= 256 else {
            throw ValidationError("a sheet has at most 256 clips, not \(count)")
        }
    }

    func run() throws {
        let scenes = try scenes()
        let folder = to.map { URL(filePath: $0, directoryHint: .isDirectory) }
        let clips = folder.map { folder in scenes.map { (scene: $0, file: folder.appending(path: Self.name($0))) } }
        let texts = (clips ?? []).map { $0.file.deletingPathExtension().appendingPathExtension("txt") }
        let picture = sheet.map { URL(filePath: $0) }
        try refuseToOverwrite((clips ?? []).map(\.file) + texts + [picture].compactMap { $0 })
        do {
            if let folder { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
            for ((scene, file), text) in zip(clips ?? [], texts) {
                let frames = frames(scene, enlarged: size / Self.pixels)
                try VideoWriter.write(frames, framesPerSecond: fps, to: file)
                try Data((scene.caption + "\n").utf8).write(to: text)
                Console().result(file.relativePath)
            }
            if let picture {
                try PNG.write(Self.sheet(scenes.map { frames($0, enlarged: 3) }), to: picture)
                Console().result(picture.relativePath)
            }
        } catch let error as MediaError {
            throw CommandFailure(status: .usage, message: "\(error)")
        }
    }

    /// What is asked for, the rest drawn.
    private func scenes() throws -> [Scene] {
        let motion = try Self.chosen(motion, "motion", Self.motions) { $0.name }
        let subject = try Self.chosen(subject, "subject", Subject.allCases) { $0.rawValue }
        let colour = try Self.chosen(colour, "colour", Colour.allCases) { $0.rawValue }
        let place = try Self.chosen(place, "place", Place.allCases) { $0.rawValue }
        return (0..<count).map { index in
            let seed = seed &+ UInt64(index)
            var generator = Generator(seed: seed).split("choice")
            let drawn = Scene.random(motions: Motion.base + Motion.heldOut, using: &generator)
            return Scene(
                subject: subject ?? drawn.subject, colour: colour ?? drawn.colour, place: place ?? drawn.place,
                motion: motion ?? drawn.motion, seed: seed)
        }
    }

    /// The one with the name, if there is a name.
    private static func chosen<Kind>(
        _ name: String?, _ what: String, _ all: [Kind], nameOf: (Kind) -> String
    ) throws -> Kind? {
        guard let name else { return nil }
        if let one = all.first(where: { nameOf($0) == name }) { return one }
        let names = all.map(nameOf)
        throw CommandFailure(
            status: .usage, message: "there is no \(what) '\(name)'",
            help: Suggestion.help(name, among: names, all: "there are").first)
    }

    private func refuseToOverwrite(_ files: [URL]) throws {
        guard !replace else { return }
        let there = files.filter { FileManager.default.fileExists(atPath: $0.path(percentEncoded: false)) }
        guard let first = there.first else { return }
        let others = there.count > 1 ? " (and \(there.count - 1) more)" : ""
        throw CommandFailure(
            status: .usage, message: "\(first.relativePath) is there already\(others); nothing was written",
            help: "add --replace to write it anew")
    }

    /// `zigzagging-red-ball-grass-1.mp4`: the seed keeps the clips of one call apart.
    private static func name(_ scene: Scene) -> String {
        let words = [
            scene.motion.name, scene.colour.rawValue, scene.subject.rawValue, scene.place.rawValue, "\(scene.seed)",
        ]
        return words.joined(separator: "-").replacing(" ", with: "-") + ".mp4"
    }

    /// Every pixel as a square of pixels.
    private func frames(_ scene: Scene, enlarged factor: Int) -> Frames {
        let (pixels, side) = (scene.pixels(side: Self.pixels), Self.pixels)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pixels.count * factor * factor)
        for row in 0..<Scene.frames * side {
            var line: [UInt8] = []
            for start in stride(from: row * side * 3, to: (row + 1) * side * 3, by: 3) {
                for _ in 0..<factor { line += pixels[start..<start + 3] }
            }
            for _ in 0..<factor { bytes += line }
        }
        return Frames(count: Scene.frames, height: side * factor, width: side * factor, bytes: bytes)
    }

    /// One row for each clip.
    private static func sheet(_ clips: [Frames]) -> Frames {
        var bytes: [UInt8] = []
        for clip in clips {
            for row in 0..<clip.height {
                for frame in 0..<clip.count {
                    let start = (frame * clip.height + row) * clip.width * 3
                    bytes += clip.bytes[start..<start + clip.width * 3]
                }
            }
        }
        let height = clips.reduce(0) { $0 + $1.height }
        return Frames(count: 1, height: height, width: clips[0].width * clips[0].count, bytes: bytes)
    }

    private static func names(of motions: [Motion]) -> String { motions.map(\.name).joined(separator: ", ") }

    private static func names<Kind: RawRepresentable<String>>(of kinds: [Kind]) -> String {
        kinds.map(\.rawValue).joined(separator: ", ")
    }
}
