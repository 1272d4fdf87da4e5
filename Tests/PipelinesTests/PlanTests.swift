import Artifacts
import Foundation
import StageKit
import Testing

@testable import Pipelines

extension Plan {
    fileprivate subscript(_ id: String) -> PlannedStep? { steps.first { $0.id.description == id } }
    fileprivate var ids: [String] { steps.map(\.id.description) }
}

extension PlannedStep {
    fileprivate func feeders(_ port: String) -> [String] {
        (inputs[port] ?? []).map { input in
            switch input {
            case .output(let id, let port): "\(id).\(port)"
            case .source(let source): "\(source.kind):\(source.files.map(\.path).joined(separator: ","))"
            }
        }
    }
}

@Suite struct PlanTests {
    @Test("the design's example becomes the template's steps, one sample for each prompt")
    func template() throws {
        let work = try Workplace()
        let plan = try work.plan(zigzag)
        #expect(plan.name == "zigzag")
        #expect(plan.text == zigzag)
        #expect(
            plan.ids == [
                "frames", "captions", "appearance", "embeddings", "motion",
                "samples[a-blue-robot-is-zigzagging-in-the-snow]", "samples[a-green-cat-is-zigzagging-on-the-beach]",
                "scores",
            ])
        let frames = try #require(plan["frames"])
        #expect(
            frames.inputs["clips"] == [
                .source(
                    SourceInput(
                        kind: .clips,
                        files: [
                            .init(path: "0", url: work.root.appending(path: "clips/a.mp4").standardizedFileURL)
                        ],
                        attributes: .list([.map(["prompt": .string("A red ball is zigzagging on the grass")])])))
            ])
        let motion = try #require(plan["motion"])
        #expect(motion.settings["steps"] == .int(300))
        #expect(motion.settings["rank"] == .int(16))
        #expect(motion.settings["motion"] == .string("zigzagging"))
        #expect(motion.settings["learning-rate"] == .double(5e-4))
        #expect(motion.feeders("appearance") == ["appearance.lora"])
        #expect(motion.modelParts == [.unet, .vae, .textEncoder, .tokenizer])
        #expect(motion.model?.name == "tiny")
        #expect(motion.settingPlaces["rank"] == SourcePlace(file: "p.yaml", line: 14, column: 30))
        #expect(motion.settingPlaces["motion"] == SourcePlace(file: "p.yaml", line: 5, column: 9))
        #expect(plan["captions"]?.model == nil)
        let cat = try #require(plan["samples[a-green-cat-is-zigzagging-on-the-beach]"])
        #expect(
            cat.element
                == .map(["prompt": .string("A green cat is zigzagging on the beach"), "entity": .string("a green cat")])
        )
        #expect(cat.elementPlace?.line == 11)
        // The file's 12 is a double, and beats the 4 that the model recommends.
        #expect(cat.settings["guidance"] == .double(12))
        #expect(cat.settings["seeds"] == .list([.int(1), .int(2)]))
        #expect(
            plan["scores"]?.feeders("videos") == [
                "samples[a-blue-robot-is-zigzagging-in-the-snow].videos",
                "samples[a-green-cat-is-zigzagging-on-the-beach].videos",
            ])
    }

    @Test(
        "every built-in template plans, and its text is the file of the same name", arguments: Templates.all.map(\.name)
    )
    func templates(name: String) throws {
        let work = try Workplace()
        var head = "model: tiny\ntemplate: \(name)"
        if name == "subject-motion" { head += "\npictures: [{file: clips/b.mp4, prompt: A dog of mine}]" }
        let plan = try work.plan(graph.replacingOccurrences(of: "model: tiny", with: head))
        #expect(plan.steps.last?.stage == "metric-scoring")
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../pipelines/templates")
        let file = try String(contentsOf: folder.appending(path: "\(name).yaml"), encoding: .utf8)
        #expect(
            Templates.all.first { $0.name == name }?.text == file,
            "run pipelines/templates/embed.sh after a change to a template")
    }

    @Test("the pipelines that the repository ships plan")
    func shipped() throws {
        let work = try Workplace()
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../pipelines")
        let reader = PipelineReader(stages: FakeStages.table, modelFolders: [work.root.appending(path: "models")])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
            // That one needs folders which people download.
            .filter { $0.hasSuffix(".yaml") && $0 != "turn-box-zeroscope.yaml" }
        #expect(names.contains("turn-box.yaml"))
        for name in names {
            #expect(try reader.read(folder.appending(path: name), named: name).check() == [], "\(name)")
        }
        let ranks = try reader.read(folder.appending(path: "turn-box-ranks.yaml")).plan
        #expect(ranks.steps.count { $0.id.name == "motion" } == 3)
        #expect(ranks.steps.count { $0.id.name == "appearance" } == 1)
    }

    @Test("the starter file of init plans")
    func starter() throws {
        let work = try Workplace()
        let text = StarterPipeline.text(motion: "tilting: a cup", clip: "clips/a.mp4")
        #expect(try work.plan(text)["motion"]?.settings["motion"] == .string("tilting: a cup"))
    }

    @Test("precedence: stage, model, defaults, step, settings, matrix, flag")
    func precedence() throws {
        let work = try Workplace()
        func guidance(_ text: String, _ flags: [String] = []) throws -> Value? {
            try work.plan(
                "version: 1\nmodel: tiny\nsteps:\n  s:\n    stage: sampling\n    for-each: [A cat is running]\n" + text,
                flags
            ).steps[0].settings["guidance"]
        }
        #expect(try guidance("    model: tiny\n") == .double(4))
        #expect(try guidance("defaults: {sampling: {guidance: 5}}\n") == .double(5))
        #expect(try guidance("    settings: {guidance: 6}\ndefaults: {sampling: {guidance: 5}}\n") == .double(6))
        #expect(try guidance("    settings: {guidance: 6}\nsettings: {s: {guidance: 7}}\n") == .double(7))
        #expect(try guidance("settings: {s: {guidance: 7}}\nmatrix: {s.guidance: [8]}\n") == .double(8))
        #expect(try guidance("settings: {s: {guidance: 7}}\n", ["s.guidance=9"]) == .double(9))
    }

    @Test("a model set's precision is what its stages use, below what it recommends for one and what the file says")
    func precision() throws {
        let work = try Workplace()
        let set = try String(contentsOf: work.root.appending(path: "models/tiny/model.yaml"), encoding: .utf8)
        func precisions(_ line: String, _ text: String = "", _ flags: [String] = []) throws -> [String] {
            try work.write("models/tiny/model.yaml", set + "\n" + line)
            return try work.plan(graph + "template: motrans\n" + text, flags).steps.map { step in
                guard case .string(let precision)? = step.settings["precision"] else { return "-" }
                return precision
            }
        }
        let (whole, half) = ("float32", "bf16")
        #expect(try precisions("") == ["-", "-", whole, whole, whole, whole, whole, whole])
        #expect(try precisions("precision: bf16") == ["-", "-", half, half, half, half, half, half])
        #expect(
            try precisions("  image-embedding: {precision: float32}\nprecision: bf16")
                == ["-", "-", half, whole, half, half, half, half])
        #expect(
            try precisions("precision: bf16", "settings: {motion: {precision: float32}}")
                == ["-", "-", half, half, whole, half, half, half])
        #expect(
            try precisions(
                "precision: bf16", "defaults: {sampling: {precision: float32}}", ["scores.precision=float32"])
                == ["-", "-", half, half, half, whole, whole, whole])
        #expect(try work.reader().modelSet(work.root.appending(path: "models/tiny")).precision == half)

        let plan = try work.plan(graph + "template: motrans\nsettings: {motion: {precision: float32}}")
        let file = work.root.appending(path: "models/tiny/model.yaml").path(percentEncoded: false)
        #expect(plan["scores"]?.settingPlaces["precision"] == SourcePlace(file: file, line: 11, column: 12))
        #expect(
            plan["motion"]?.settingPlaces["precision"] == SourcePlace(file: "p.yaml", line: 7, column: 32))
        #expect(plan["frames"]?.settingPlaces["precision"] == nil)
    }

    @Test("flags replace parameters too, and are typed by what they set")
    func flags() throws {
        let work = try Workplace()
        let plan = try work.plan(
            zigzag, ["motion=leaping", "samples.seeds=[3, 4]", "prompts=[A dog is leaping]", "frames.fps=4"])
        #expect(plan["motion"]?.settings["motion"] == .string("leaping"))
        #expect(plan["samples[a-dog-is-leaping]"]?.settings["seeds"] == .list([.int(3), .int(4)]))
        #expect(plan["frames"]?.settings["fps"] == .double(4))
    }

    @Test("a new, removed or moved prompt leaves the names of the others")
    func forEachStability() throws {
        let work = try Workplace()
        func names(_ prompts: [String]) throws -> [String] {
            try work.plan(zigzag, ["prompts=[\(prompts.joined(separator: ", "))]"]).steps
                .filter { $0.id.name == "samples" }.compactMap(\.id.part)
        }
        let two = try names(["A cat is running", "A dog is running"])
        #expect(two == ["a-cat-is-running", "a-dog-is-running"])
        #expect(try names(["A bird is flying", "A dog is running", "A cat is running"]).suffix(2) == two.reversed())
        let long = "A very long prompt about a cat that is running over the hills"
        let twins = try names(["\(long) far away", "\(long) nearby", "\(long) nearby"])
        #expect(Set(twins).count == 3)
        #expect(twins[0] == "a-very-long-prompt-about-a-cat-that-is")
        #expect(try names([long, "\(long) nearby"])[1] == twins[1])
        #expect(try names(["一只猫在跑", "'!!'"]) == ["一只猫在跑", "item"])
    }

    @Test("a matrix multiplies what it varies and all below, and the cells have names")
    func matrix() throws {
        let work = try Workplace()
        let plan = try work.plan(
            zigzag + """
                matrix:
                  motion.rank: [8, 16]
                  motion.learning-rate: [1e-4, 0.5]
                  include: [{motion.rank: 64}]
                  exclude: [{motion.rank: 16, motion.learning-rate: 0.0001}]
                """)
        let motions = plan.steps.filter { $0.id.name == "motion" }
        #expect(
            motions.map(\.id.description) == [
                "motion[rank=8,learning-rate=0.0001]", "motion[rank=8,learning-rate=0.5]",
                "motion[rank=16,learning-rate=0.5]", "motion[rank=64]",
            ])
        #expect(motions[3].settings["learning-rate"] == .double(5e-4))
        #expect(plan.steps.count { $0.id.name == "appearance" } == 1)
        #expect(plan.steps.count { $0.id.name == "samples" } == 8)
        let scores = plan.steps.filter { $0.id.name == "scores" }
        #expect(scores.count == 4)
        #expect(
            scores[3].feeders("videos") == [
                "samples[rank=64,a-blue-robot-is-zigzagging-in-the-snow].videos",
                "samples[rank=64,a-green-cat-is-zigzagging-on-the-beach].videos",
            ])
        #expect(scores[3].feeders("references") == ["frames.frames"])
    }

    @Test("axes of two steps meet below, and only the cells that exist")
    func matrixAcrossSteps() throws {
        let work = try Workplace()
        let plan = try work.plan(
            zigzag + """
                matrix:
                  appearance.rank: [4, 8]
                  motion.rank: [4, 8, 16]
                  exclude: [{appearance.rank: 4, motion.rank: 16}]
                """)
        #expect(
            plan.steps.filter { $0.id.name == "appearance" }.map(\.id.description) == [
                "appearance[appearance.rank=4]", "appearance[appearance.rank=8]",
            ])
        #expect(plan.steps.count { $0.id.name == "motion" } == 5)
        #expect(
            plan["motion[appearance.rank=8,motion.rank=16]"]?.feeders("appearance") == [
                "appearance[appearance.rank=8].lora"
            ])
    }

    @Test(
        "matrices have the cells that their text says",
        arguments: [
            ("{s.guidance: [1, 2, 3], s.inference-steps: [1, 2]}", 6),
            ("{s.guidance: [1, 2, 3], s.inference-steps: [1, 2], exclude: [{s.guidance: 2}]}", 4),
            ("{s.guidance: [1, 2], include: [{s.guidance: 7}, {s.inference-steps: 4}]}", 4),
            ("{include: [{s.guidance: 7}, {s.guidance: 8, s.inference-steps: 4}]}", 2),
        ])
    func cellCounts(matrix: String, count: Int) throws {
        let work = try Workplace()
        let plan = try work.plan(
            graph.replacingOccurrences(of: "clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]\n", with: "")
                + """
                steps: {s: {stage: sampling, for-each: "${prompts}"}}
                matrix: \(matrix)
                """)
        #expect(plan.steps.count == count * 2)
        #expect(Set(plan.ids).count == count * 2)
    }

    @Test("for-each goes through the elements of another for-each, one by one")
    func elementwise() throws {
        let work = try Workplace()
        let plan = try work.plan(
            zigzag + """
                steps:
                  small:
                    stage: command
                    for-each: "${samples}"
                    inputs: {video: "${item}", raw: "${item.latents}", all: "${samples}", settings: {file: shrink.txt}}
                    run: [ffmpeg, -i, "{inputs.video}", -vf, scale=160:-1, 2, "{outputs.small}"]
                    outputs: {small: video}
                  last:
                    stage: command
                    inputs: {videos: "${small}"}
                    run: [cat, "{inputs.videos}", "{outputs.list}"]
                    outputs: {list: file}
                    volatile: true
                """)
        let small = try #require(plan["small[a-green-cat-is-zigzagging-on-the-beach]"])
        #expect(small.feeders("video") == ["samples[a-green-cat-is-zigzagging-on-the-beach].videos"])
        #expect(small.feeders("raw") == ["samples[a-green-cat-is-zigzagging-on-the-beach].latents"])
        #expect(small.feeders("all").count == 2)
        #expect(small.feeders("settings") == ["file:0.txt"])
        #expect(small.element == nil)
        #expect(
            small.settings["run"]
                == .list(
                    ["ffmpeg", "-i", "{inputs.video}", "-vf", "scale=160:-1", "2", "{outputs.small}"].map(Value.string))
        )
        #expect(small.settings["outputs"] == .map(["small": .string("video")]))
        #expect(small.settings["inputs"] == .list(["all", "raw", "settings", "video"].map(Value.string)))
        let last = try #require(plan["last"])
        #expect(last.feeders("videos").count == 2)
        #expect(last.isVolatile)
        #expect(!small.isVolatile)
    }

    @Test("for-each over any list; the element is used in settings and inside texts")
    func forEachOverValues() throws {
        let work = try Workplace()
        let plan = try work.plan(
            """
            version: 1
            parameters: {ranks: {type: list, default: [4, 8]}, word: string}
            word: hello
            steps:
              show:
                stage: command
                for-each: "${ranks}"
                run: [echo, "${item}", "rank ${item} of ${word}, $${literal}", "{outputs.out}"]
                outputs: {out: file}
            """)
        #expect(plan.ids == ["show[4]", "show[8]"])
        #expect(
            plan["show[8]"]?.settings["run"]
                == .list(["echo", "8", "rank 8 of hello, ${literal}", "{outputs.out}"].map(Value.string)))
    }

    @Test("clips from a folder with captions, and from one with a table")
    func clipFolders() throws {
        let work = try Workplace()
        let inline = "clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]"
        let steps = "prompts: []\nsteps: {f: {stage: frame-extraction, inputs: {clips: \"${clips}\"}}}"
        func source(_ clips: String) throws -> SourceInput? {
            let text = graph.replacingOccurrences(of: inline, with: clips)
                .replacingOccurrences(of: "prompts: [A robot is zigzagging, A cat is zigzagging]", with: "")
            let plan = try work.plan(text + steps.replacingOccurrences(of: "prompts: []\n", with: ""))
            guard case .source(let source)? = plan.steps[0].inputs["clips"]?.first else { return nil }
            return source
        }
        let folder = try source("clips: folder/")
        #expect(folder?.files.map(\.path) == ["0", "1"])
        #expect(folder?.files.map(\.url.lastPathComponent) == ["x.mp4", "y.MOV"])
        #expect(
            folder?.attributes
                == .list([
                    .map(["prompt": .string("A man is x")]), .map(["prompt": .string("A man is y")]),
                ]))
        let table = try source("clips: table")
        #expect(table?.attributes == .list([.map(["prompt": .string("A man is one")])]))
    }

    @Test("included files stand below the file that includes them, each once")
    func include() throws {
        let work = try Workplace()
        try work.write("base/common.yaml", "include: [model.yaml]\nsettings: {motion: {steps: 5, rank: 4}}\n")
        try work.write("base/model.yaml", "model: ../models/tiny\n")
        let text = zigzag.replacingOccurrences(of: "model: tiny", with: "include: [base/common.yaml, base/model.yaml]")
            .replacingOccurrences(of: "rank: 16", with: "learning-rate: 0.1")
        let motion = try #require(try work.plan(text)["motion"])
        #expect(motion.settings["steps"] == .int(300))
        #expect(motion.settings["rank"] == .int(4))
        #expect(motion.settings["learning-rate"] == .double(0.1))
        #expect(motion.model?.name == "tiny")
        #expect(motion.settingPlaces["rank"]?.file == "base/common.yaml")
    }

    @Test("the environment is read where the file allows it, and recorded")
    func environment() throws {
        let work = try Workplace()
        let text = zigzag.replacingOccurrences(of: "steps: 300", with: "steps: \"${env.STEPS}\"") + "env: {STEPS: 7}\n"
        let plain = try work.plan(text)
        #expect(plain["motion"]?.settings["steps"] == .int(7))
        let plan = try work.plan(text, environment: ["STEPS": "50", "OTHER": "x"])
        #expect(plan["motion"]?.settings["steps"] == .int(50))
        #expect(plan.environment == ["STEPS": "50"])
    }

    @Test("a profile gives resources and changes nothing else")
    func profile() throws {
        let work = try Workplace()
        let text = zigzag + "profiles: {laptop: {jobs: 2, threads: 1}, big: {executor: local}}\n"
        let plan = try work.pipeline(text, profile: "laptop").plan
        #expect(plan.profile == Profile(name: "laptop", jobs: 2, threads: 1))
        let other = try work.pipeline(text).plan
        #expect(other.profile == Profile())
        #expect(other.steps.map(\.settings) == plan.steps.map(\.settings))
    }

    @Test("aliases are shared values, and a byte order mark and carriage returns do no harm")
    func yaml() throws {
        let work = try Workplace()
        let text =
            "\u{FEFF}"
            + zigzag.replacingOccurrences(of: "{steps: 200}", with: "&few {steps: 20}")
            .replacingOccurrences(of: "{steps: 300, rank: 16}", with: "*few").replacingOccurrences(
                of: "\n", with: "\r\n")
        let plan = try work.plan(text)
        #expect(plan["motion"]?.settings["steps"] == .int(20))
        #expect(plan["appearance"]?.settings["steps"] == .int(20))
    }

    @Test("steps come after what feeds them, otherwise in the order of the file")
    func order() throws {
        let work = try Workplace()
        func step(_ name: String, _ inputs: String) -> String {
            "  \(name): {stage: command, inputs: {\(inputs)}, run: [a, \"{outputs.o}\"], outputs: {o: file}}\n"
        }
        let plan = try work.plan(
            "version: 1\nsteps:\n" + step("z", "a: \"${m}\", b: \"${k}\"") + step("m", "") + step("a", "x: \"${z}\"")
                + step("k", ""))
        #expect(plan.ids == ["m", "k", "z", "a"])
    }

    @Test("a thousand steps are planned in well under a second")
    func thousandSteps() throws {
        let work = try Workplace()
        var text = "version: 1\nsteps:\n"
        for index in 0..<1000 {
            let input = index == 0 ? "" : "a: \"${s\(index - 1)}\""
            text += "  s\(index): {stage: command, inputs: {\(input)}, run: [a, \"{outputs.o}\"], outputs: {o: file}}\n"
        }
        let start = ContinuousClock().now
        let plan = try work.plan(text)
        let time = ContinuousClock().now - start
        #expect(plan.steps.count == 1000)
        #expect(time < .seconds(3), "\(time)")
    }

    @Test(
        "scalars follow the core schema of YAML 1.2",
        arguments: [
            ("yes", Value.string("yes")), ("no", .string("no")), ("on", .string("on")), ("off", .string("off")),
            ("true", .bool(true)), ("True", .bool(true)), ("TRUE", .bool(true)), ("tRUE", .string("tRUE")),
            ("012", .int(12)), ("+12", .int(12)), ("-0", .int(0)), ("0o17", .int(15)), ("0x1F", .int(31)),
            ("1e3", .double(1000)), ("1.", .double(1)), (".5", .double(0.5)), ("+.5e-1", .double(0.05)),
            ("1_000", .string("1_000")), ("1:30", .string("1:30")), ("2024-01-01", .string("2024-01-01")),
            ("~", .null), ("null", .null), ("Null", .null), ("nULL", .string("nULL")), ("<<", .string("<<")),
            ("0o9", .string("0o9")),
            ("-.inf", .double(-.infinity)), (".INF", .double(.infinity)), ("9223372036854775807", .int(.max)),
            ("9223372036854775808", .double(9223372036854775808)), ("1e", .string("1e")), ("-", .string("-")),
            (".", .string(".")), ("0b11", .string("0b11")),
        ])
    func coreSchema(text: String, value: Value) { #expect(CoreSchema.value(of: text) == value) }
}
