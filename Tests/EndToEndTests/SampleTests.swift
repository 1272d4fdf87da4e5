import Foundation
import Testing

@Suite("sample makes one video without a pipeline file; lora convert writes what it and others read")
struct SampleTests {
    private func workspace() throws -> Workspace {
        let workspace = try Workspace()
        let outcome = try workspace.motrans("models", "init", "tiny", "models/tiny", "--seed", "1")
        #expect(outcome.status == 0, "\(outcome.errors)")
        return workspace
    }

    private func sample(_ workspace: borrowing Workspace, _ more: String...) throws -> Outcome {
        let few = ["--steps", "2", "--frames", "3", "--width", "32", "--height", "16", "--quiet"]
        return try workspace.run(Workspace.binary, ["sample", "A robot is walking in the snow"] + few + more)
    }

    private func bytes(_ workspace: borrowing Workspace, _ path: String) throws -> Data {
        try Data(contentsOf: workspace.folder.appending(path: path))
    }

    @Test func `a video by seed, and by latents in place of the seed's`() throws {
        let workspace = try workspace()
        let first = try sample(workspace, "--seed", "3", "--to", "a.mp4", "--latents-out", "z.safetensors")
        #expect(first.status == 0 && first.output == "a.mp4\nz.safetensors\n" && first.errors == "", "\(first)")
        let again = try sample(workspace, "--seed", "3", "--to", "b.mp4")
        #expect(again.output == "b.mp4\n")
        #expect(try bytes(workspace, "a.mp4") == bytes(workspace, "b.mp4"))
        // The same was not done twice, and lineage knows what made the file.
        let runs = try workspace.motrans("lineage", "b.mp4")
        #expect(runs.output.contains("sampling version") && runs.output.contains("seeds [3]"), "\(runs.output)")
        // Whatever latents it ended with, another video can begin with; their size is the video's.
        let onward = try workspace.motrans(
            "sample", "A robot is walking", "--steps", "2", "--latents-in", "z.safetensors", "--seed", "7", "--to",
            "c.mp4", "--latents-out", "y.safetensors", "--quiet")
        #expect(onward.status == 0, "\(onward.errors)")
        let other = try workspace.motrans(
            "sample", "A robot is walking", "--steps", "2", "--latents-in", "z.safetensors", "--seed", "8", "--to",
            "d.mp4", "--latents-out", "x.safetensors", "--quiet")
        #expect(other.status == 0)
        // Without η the seed draws nothing but the noise that was given.
        #expect(try bytes(workspace, "x.safetensors") == bytes(workspace, "y.safetensors"))
        #expect(try bytes(workspace, "z.safetensors").count == bytes(workspace, "x.safetensors").count)
    }

    @Test func `the embedded model is kept in fp16, and gives the same video in fp16 as in float32`() throws {
        let workspace = try Workspace()
        for precision in ["float32", "fp16"] {
            let outcome = try workspace.motrans(
                "sample", "A red cat is rising in the snow", "--steps", "2", "--set", "precision=\(precision)", "--to",
                "\(precision).mp4", "--latents-out", "\(precision).safetensors", "--quiet")
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try bytes(workspace, "float32.safetensors") == bytes(workspace, "fp16.safetensors"))
    }

    @Test func `files that are there stay; wrong settings are told with all that is wrong`() throws {
        let workspace = try workspace()
        try workspace.write("a.mp4", "mine")
        let refused = try sample(workspace, "--to", "a.mp4")
        #expect(refused.status == 2)
        #expect(
            refused.errors
                == "error: a.mp4 is there already; nothing was done\n  = help: add --replace to write it anew\n")
        #expect(try workspace.read("a.mp4") == "mine")
        let wrong = try sample(workspace, "--set", "eta=x", "--set", "etta=1", "--lora", "none.pt", "--to", "b.mp4")
        #expect(wrong.status == 2)
        for sentence in ["`eta`: expected a number", "no setting `etta`", "none.pt"] {
            #expect(wrong.errors.contains(sentence), "\(wrong.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "cache").path))
        let status = try workspace.motrans("status")
        #expect(status.status == 3)
    }

    @Test func `a prompt means what it says, whatever signs are in it`() throws {
        let workspace = try workspace()
        let prompt = "a ${model} \"runs\": 100% # \\ 🐼 \u{85}\u{2028}\u{FEFF}\u{7F} $${x} $"
        let outcome = try workspace.motrans(
            "sample", prompt, "--steps", "1", "--frames", "2", "--width", "16", "--height", "16", "--quiet")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let attempt = try workspace.motrans("lineage", "sample.mp4", "--format", "json")
        #expect(attempt.output.contains("a ${model} ") && attempt.output.contains("$${x} $"), "\(attempt.output)")
    }

    @Test(arguments: [
        (["--to", "cache.mp4", "--set", "seeds=[1, 2]"], "seeds has a place of its own here: --seed"),
        (["--set", "eta"], "--set takes a setting's name and a value"),
        (["--latents-out", "same.mp4", "--to", "same.mp4"], "--latents-out is the name of a safetensors file"),
        (["--to", "folder.mp4"], "folder.mp4 is a folder; nothing was done"),
        (["--latents-in", "bad.safetensors"], "not a sound safetensors file"),
    ])
    func `what would come to nothing is told before anything is done`(arguments: [String], message: String) throws {
        let workspace = try workspace()
        try workspace.write("folder.mp4/x", "")
        try workspace.write("bad.safetensors", "x")
        let outcome = try workspace.run(Workspace.binary, ["sample", "a cat"] + arguments)
        #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "cache").path))
    }

    @Test func `models check finds what stages would refuse`() throws {
        let workspace = try workspace()
        try workspace.write(
            "swapped.yaml",
            """
            unet: models/tiny/vae
            vae: models/tiny/unet
            tokenizer: models/tiny/scheduler
            scheduler: models/tiny/scheduler

            """)
        let outcome = try workspace.motrans("models", "check", "swapped.yaml")
        #expect(outcome.status == 2)
        for line in ["holds a AutoencoderKL, not a UNet3DConditionModel", "tokenizer: "] {
            #expect(outcome.errors.contains(line), "\(outcome.errors)")
        }
        #expect(outcome.output.contains("scheduler      ✓"), "\(outcome.output)")
        let sizes = try workspace.motrans("models", "check", "tiny", "--size", "64x32", "--frames", "4")
        #expect(sizes.status == 0 && sizes.output.contains("memory for 4 frames of 64 x 32"), "\(sizes.errors)")
        for wrong in [["--size", "x5x5"], ["--size", "0x1"], ["--frames", "9223372036854775807"], ["--rank", "0"]] {
            #expect(try workspace.run(Workspace.binary, ["models", "check", "tiny"] + wrong).status == 2)
        }
        let unknown = try workspace.motrans("models", "check", "tniy")
        #expect(unknown.status == 2 && unknown.errors.contains("did you mean `tiny`"), "\(unknown.errors)")
    }

    @Test func `a trained LoRA acts whoever spells it, and no LoRA of another network does`() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let got = try workspace.motrans("get", "appearance", "--to", "lora")
        #expect(got.status == 0, "\(got.errors)")
        let file = "lora/pytorch_lora_weights.safetensors"
        var videos: Set<Data> = []
        for spelling in ["diffusers", "peft", "older"] {
            let converted = try workspace.motrans(
                "lora", "convert", file, "--model", "tiny", "--spelling", spelling, "--to", "\(spelling).safetensors")
            #expect(converted.status == 0 && converted.output == "\(spelling).safetensors\n", "\(converted.errors)")
            #expect(converted.errors.contains("42 layers (42 spatial, 0 temporal), rank 2"), "\(converted.errors)")
            let sampled = try sample(
                workspace, "--lora", "\(spelling).safetensors", "--exact", "--to", "\(spelling).mp4")
            #expect(sampled.status == 0, "\(sampled.errors)")
            videos.insert(try bytes(workspace, "\(spelling).mp4"))
        }
        #expect(videos.count == 1)
        #expect(try bytes(workspace, "diffusers.safetensors") != bytes(workspace, "peft.safetensors"))
        // Ten times as much of it shows.
        let strong = try sample(workspace, "--lora", file, "--lora-scale", "10", "--exact", "--to", "strong.mp4")
        #expect(strong.status == 0, "\(strong.errors)")
        #expect(try !videos.contains(bytes(workspace, "strong.mp4")))
        // peft's folder: its settings tell the scale, and are part of the key.
        try workspace.write("peft/adapter_config.json", #"{"lora_alpha": 2, "r": 2}"#)
        try FileManager.default.copyItem(
            at: workspace.folder.appending(path: "peft.safetensors"),
            to: workspace.folder.appending(path: "peft/adapter_model.safetensors"))
        let one = try sample(workspace, "--lora", "peft", "--exact", "--to", "one.mp4")
        #expect(one.status == 0, "\(one.errors)")
        #expect(try videos.contains(bytes(workspace, "one.mp4")))
        try workspace.write("peft/adapter_config.json", #"{"lora_alpha": 20, "r": 2}"#)
        let ten = try sample(workspace, "--lora", "peft", "--exact", "--to", "ten.mp4")
        #expect(ten.status == 0, "\(ten.errors)")
        #expect(try bytes(workspace, "ten.mp4") == bytes(workspace, "strong.mp4"))
        let alone = try sample(workspace, "--lora", "peft/adapter_model.safetensors", "--to", "alone.mp4")
        #expect(alone.status == 2 && alone.errors.contains("give the folder of both"), "\(alone.errors)")
        // What the motion stage learned, as a folder.
        let motion = try workspace.motrans("get", "motion", "--to", "motion")
        #expect(motion.status == 0, "\(motion.errors)")
        let performed = try workspace.motrans(
            "sample", "A robot is turning a box", "--motion", "motion", "--steps", "2", "--frames", "3", "--width",
            "32",
            "--height", "16", "--quiet")
        #expect(performed.status == 0 && performed.output == "sample.mp4\n", "\(performed.errors)")
        // A file that is no LoRA.
        let foreign = try workspace.motrans(
            "lora", "convert", "models/tiny/vae/diffusion_pytorch_model.safetensors", "--model", "tiny", "--to",
            "x.safetensors")
        #expect(foreign.status == 2 && foreign.errors.contains("is not one of a UNet's LoRA"), "\(foreign.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "x.safetensors").path))
    }
}
