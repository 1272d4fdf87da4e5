import Foundation
import Testing

@Suite("Pipelines that the repository ships, with the real stages")
struct ShippedPipelineTests {
    private static var pipelines: URL {
        Workspace.clip.deletingLastPathComponent().deletingLastPathComponent()
    }

    @Test func `each is valid`() throws {
        let workspace = try Workspace()
        #expect(try workspace.motrans("models", "init", "tiny", "models/tiny", "--seed", "1").status == 0)
        let files = try FileManager.default.subpathsOfDirectory(atPath: Self.pipelines.path)
            .filter { $0.hasSuffix(".yaml") && !$0.hasPrefix("templates/") && !$0.hasPrefix("models/") }.sorted()
        #expect(
            files.contains("world/tiny.yaml") && files.contains("paper/table-1.yaml")
                && files.contains("paper/table-2.yaml"))
        for file in files where file != Self.ofZeroScope {
            let outcome = try workspace.motrans("validate", Self.pipelines.appending(path: file).path)
            #expect(outcome.status == 0, "\(file): \(outcome.errors)")
        }
    }

    /// Needs what people download.
    private static let ofZeroScope = "turn-box-zeroscope.yaml"

    @Test func `the one for ZeroScope is valid but for the folders that it names`() throws {
        let workspace = try Workspace()
        try FileManager.default.copyItem(at: Self.pipelines, to: workspace.folder.appending(path: "pipelines"))
        let outcome = try workspace.motrans("validate", "pipelines/\(Self.ofZeroScope)")
        #expect(outcome.status == 2 && outcome.errors.contains("\n3 errors\n"), "\(outcome.errors)")
        let folders = ["zeroscope_v2_576w", "CLIP-ViT-H-14-laion2B-s32B-b79K", "videomae-base-finetuned-kinetics"]
        for folder in folders { #expect(outcome.errors.contains("there is no folder `\(folder)`")) }
        // `models check` tells what is missing beside what is there.
        let whole = workspace.folder.appending(path: "pipelines/models/\(folders[0])")
        #expect(try workspace.motrans("models", "init", "tiny", whole.path, "--seed", "1").status == 0)
        let checked = try workspace.motrans("models", "check", "pipelines/models/zeroscope.yaml")
        #expect(checked.status == 2)
        #expect(checked.output.contains("unet           ✓  UNet3DConditionModel"), "\(checked.output)")
        #expect(checked.output.contains("image-encoder  ✗") && checked.output.contains("not there"))
        #expect(checked.errors.contains("image-encoder: there is no folder"), "\(checked.errors)")
    }

    @Test func `a subject of one's own performs a motion: the template is valid, and needs its pictures`() throws {
        let workspace = try Workspace()
        try TurnBox.prepare(workspace)
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: own
            model: tiny
            template: subject-motion
            motion: turning
            clips: [{file: clip.mp4, prompt: A person is turning a box}]
            pictures: [{file: clip.mp4, prompt: A box of mine}]
            prompts: [A box of mine is turning in the snow]
            settings:
              frames: {frames: 4, size: [32, 32], fps: 4}
              stills: {size: [32, 32]}

            """)
        let outcome = try workspace.motrans("validate", "p.yaml")
        #expect(outcome.status == 0 && outcome.output == "p.yaml: valid, 9 steps\n", "\(outcome.errors)")
        try workspace.edit("p.yaml", "pictures: [{file: clip.mp4, prompt: A box of mine}]\n", "")
        let without = try workspace.motrans("validate", "p.yaml")
        #expect(without.status == 2 && without.errors.contains("template `subject-motion` needs `pictures`"))
    }

    @Test("the embedded models are trained from nothing, put together, checked, and sampled from")
    func world() throws {
        let workspace = try Workspace()
        try FileManager.default.copyItem(
            at: Self.pipelines.appending(path: "world/tiny.yaml"), to: workspace.folder.appending(path: "tiny.yaml"))
        let scenes = ["base-scenes", "all-scenes", "motion-scenes", "held-out-scenes"].map { "\($0).videos=12" }
        let training = [
            "autoencoder.steps=1", "autoencoder.batch=2", "autoencoder.held-out-videos=2", "clip.steps=1",
            "clip.batch=8", "clip.window-batch=8", "clip.group=4", "clip.held-out-videos=2", "motion-encoder.steps=1",
            "motion-encoder.batch=4", "image-unet.steps=1", "image-unet.batch=2", "image-unet.preview-steps=1",
            "unet.steps=1", "unet.batch=2", "unet.frame-batch=2", "unet.preview-steps=1", "captioner.steps=1",
            "captioner.batch=2", "captioner.held-out-videos=2",
        ]
        let settings = (scenes + training).flatMap { ["--set", $0] }
        let trained = try workspace.run(Workspace.binary, ["run", "tiny.yaml", "--quiet"] + settings)
        #expect(trained.status == 0, "\(trained.errors)")
        let got = try workspace.run(
            Workspace.binary, ["get", "model", "--pipeline", "tiny.yaml", "--to", "models/tiny"] + settings)
        #expect(got.status == 0, "\(got.errors)")
        let checked = try workspace.motrans("models", "check", "tiny")
        #expect(checked.status == 0 && !checked.output.contains("✗"), "\(checked.errors)")
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: try
            model: tiny
            prompts: [A red ball is rising in the snow]
            steps:
              samples: {stage: sampling, for-each: "${prompts}", settings: {residual: "off", inference-steps: 1}}
              scores: {stage: scene-judging, inputs: {videos: "${samples}"}}

            """)
        let sampled = try workspace.motrans("run", "p.yaml")
        #expect(sampled.status == 0, "\(sampled.errors)")
        let table = try workspace.motrans("metrics", "p.yaml", "--csv").output.split(separator: "\n")
        #expect(table.first == "prompt,seed,motion,path,subject,colour,place" && table.count == 2)
    }
}
