import Foundation
import Testing

@Suite("Bad input is told with its place, ends with 2 and writes nothing")
struct BadInputTests {
    /// An edit that breaks the pipeline, and what must be said: the place and the words.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let old: String
        let new: String
        let says: [String]
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "unknown key", old: "motion: turning", new: "motoin: turning",
            says: ["p.yaml:5:1: error:", "`motion`"]),
        Case(
            name: "wrong type", old: "motion: {steps: 2, rank: 2}", new: "motion: {steps: many, rank: 2}",
            says: ["p.yaml:15:19: error:", "^^^^"]),
        Case(
            name: "out of range", old: "motion: {steps: 2, rank: 2}", new: "motion: {steps: 2, rank: 0}",
            says: ["p.yaml:15:28: error:"]),
        Case(
            name: "unknown setting", old: "appearance: {steps: 2, rank: 2}", new: "appearance: {stepz: 2, rank: 2}",
            says: ["p.yaml:14:16: error:", "steps"]),
        Case(name: "missing clip", old: "file: clip.mp4", new: "file: clop.mp4", says: ["p.yaml:7:", "clop.mp4"]),
        Case(
            name: "a text file named .mp4", old: "file: clip.mp4", new: "file: text.mp4",
            says: ["p.yaml:7:", "text.mp4"]),
        Case(
            name: "no video stream", old: "file: clip.mp4", new: "file: sound.wav", says: ["p.yaml:7:", "sound.wav"]),
        Case(
            name: "a prompt with no verb", old: "A robot is turning a box in the snow", new: "A robot, side view",
            says: ["p.yaml:10:", "turning"]),
        Case(
            name: "a clip whose prompt has no verb", old: "prompt: A person is turning a box",
            new: "prompt: A person with a box", says: ["p.yaml:7:", "turning"]),
        Case(name: "unknown model", old: "model: tiny", new: "model: tinny", says: ["p.yaml:3:8: error:", "tinny"]),
        Case(
            name: "unknown template", old: "template: motrans", new: "template: motran",
            says: ["p.yaml:4:11: error:", "motrans"]),
    ]

    @Test("a broken pipeline", arguments: cases)
    func broken(_ broken: Case) throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        try workspace.write("text.mp4", "ffconcat version 1.0\nfile clip.mp4\n")
        try wave().write(to: workspace.folder.appending(path: "sound.wav"))
        try workspace.edit("p.yaml", broken.old, broken.new)
        let outcome = try workspace.motrans("run", "p.yaml")
        #expect(outcome.status == 2)
        #expect(outcome.output == "")
        for words in broken.says { #expect(outcome.errors.contains(words), "\(outcome.errors)") }
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "cache").path))
    }

    @Test("all errors of a file at once")
    func allAtOnce() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        try workspace.edit("p.yaml", "version: 1", "version: 7")
        try workspace.edit("p.yaml", "motion: turning", "motoin: turning")
        try workspace.edit("p.yaml", "rank: 2}\n  motion", "rank: two}\n  motion")
        let outcome = try workspace.motrans("validate", "p.yaml")
        #expect(outcome.status == 2)
        for place in ["p.yaml:1:10", "p.yaml:5:1", "p.yaml:14:32"] {
            #expect(outcome.errors.contains("\(place): error:"), "\(outcome.errors)")
        }
    }

    @Test("a graph with a cycle and an unknown stage")
    func badGraph() throws {
        let workspace = try Workspace()
        try workspace.write(
            "g.yaml",
            """
            version: 1
            name: g
            steps:
              a: {stage: command, inputs: {x: "${b}"}, run: [cp, "{inputs.x}", "{outputs.y}"], outputs: {y: file}}
              b: {stage: command, inputs: {x: "${a}"}, run: [cp, "{inputs.x}", "{outputs.y}"], outputs: {y: file}}
              c: {stage: comand, run: [ls]}

            """)
        let outcome = try workspace.motrans("run", "g.yaml")
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("a -> b -> a"), "\(outcome.errors)")
        #expect(
            outcome.errors.contains("g.yaml:6:14: error:") && outcome.errors.contains("`command`"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "cache").path))
    }

    @Test("a model folder that lacks a tensor, or has one of another shape")
    func badModel() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        let config = try workspace.read("models/tiny/unet/config.json")
        let changed = config.replacing(/"layers_per_block"\s*:\s*1/, with: "\"layers_per_block\": 2")
        #expect(changed != config)
        try workspace.write("models/tiny/unet/config.json", changed)
        let outcome = try workspace.motrans("run", "p.yaml")
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("down_blocks.0.resnets.1."), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "cache").path))

        try workspace.write(
            "models/tiny/unet/config.json",
            config.replacing(/"cross_attention_dim"\s*:\s*64/, with: "\"cross_attention_dim\": 32"))
        let misshapen = try workspace.motrans("run", "p.yaml")
        #expect(misshapen.status == 2)
        #expect(
            misshapen.errors.contains("attn2.to_k.weight") && misshapen.errors.contains("32"), "\(misshapen.errors)")
    }

    @Test("usage errors end with 2, unknown things with 3")
    func usage() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        #expect(try workspace.motrans("run").status == 2)
        #expect(try workspace.motrans("run", "p.yaml", "--jbos", "2").status == 2)
        #expect(try workspace.motrans("run", "no.yaml").status == 2)
        #expect(try workspace.motrans("run", "p.yaml", "nonsense").status == 3)
        #expect(try workspace.motrans("show", "nonsense").status == 3)
        #expect(try workspace.motrans("logs", "nonsense").status == 3)
        #expect(try workspace.motrans("--help").status == 0)
    }

    /// A second of silence: a media file without a video stream.
    private func wave() -> Data {
        var data = Data("RIFF".utf8)
        let number32 = { (value: UInt32) in withUnsafeBytes(of: value.littleEndian) { Data($0) } }
        let number16 = { (value: UInt16) in withUnsafeBytes(of: value.littleEndian) { Data($0) } }
        data += number32(36 + 16000) + Data("WAVEfmt ".utf8) + number32(16) + number16(1) + number16(1)
        data += number32(8000) + number32(16000) + number16(2) + number16(16) + Data("data".utf8) + number32(16000)
        return data + Data(count: 16000)
    }
}
