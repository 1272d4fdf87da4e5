import Artifacts
import Pipelines
import Testing

@Suite struct PipelineTextTests {
    @Test(
        "a text stands alone that includes nothing and names a built-in template or none",
        arguments: [
            ("version: 1\ntemplate: motrans\n", true), ("version: 1\nsteps: {}\n", true),
            ("version: 1\ntemplate: mine\n", false), ("include: a.yaml\nversion: 1\n", false),
            ("env: [HOME]\nversion: 1\n", false),
        ])
    func standsAlone(text: String, wanted: Bool) { #expect(PipelineText(text)?.standsAlone == wanted) }

    @Test("what is no map of keys is none")
    func notAPipeline() {
        for text in ["- a\n", "a: [\n", "word\n", "\u{0}"] { #expect(PipelineText(text) == nil) }
    }

    @Test("clips are replaced where they stand, and comments stay with what follows them")
    func clips() {
        let text = """
            # first
            version: 1
            clips:
              # inside
              - file: a.mp4
                prompt: x

            # of the motion
            motion: turning
            """
        #expect(
            PipelineText(text)?.replacing(clips: [("b \"c\".mp4", "A ${x} is\nturning")]) == """
                # first
                version: 1
                clips:
                  - {file: "b \\"c\\".mp4", prompt: "A $${x} is\\nturning"}

                # of the motion
                motion: turning
                """)
        #expect(
            PipelineText("version: 1\nclips: clips/golf/")?.replacing(clips: [("a", "b")])?
                .hasSuffix("clips:\n  - {file: \"a\", prompt: \"b\"}") == true)
        #expect(PipelineText("{version: 1, clips: x}")?.replacing(clips: [("a", "b")]) == nil)
        #expect(PipelineText("version: 1")?.replacing(clips: [("a", "b")]) == nil)
    }

    @Test("names of steps are names, and each only once")
    func names() {
        #expect(ExplicitPipeline.stepName("motion[rank=4]", among: []) == "motion")
        #expect(ExplicitPipeline.stepName("motion[rank=8]", among: ["motion"]) == "motion-2")
        #expect(ExplicitPipeline.stepName("2 x", among: []) == "step-2-x")
        #expect(ExplicitPipeline.stepName("item", among: []) == "item-2")
    }

    @Test("steps are written with every setting, and what comes from where")
    func explicit() {
        let clips = ExplicitPipeline.Input.clips([("a.mp4", "A cat: \"is\" turning")])
        let pipeline = ExplicitPipeline(
            name: "x", model: nil,
            steps: [
                .init(
                    name: "frames", stage: "frame-extraction", settings: ["fps": .double(8), "size": .list([.int(4)])],
                    element: nil, inputs: [("clips", false, [clips])], declaresOwnPorts: false),
                .init(
                    name: "samples", stage: "sampling", settings: ["prompt": .null],
                    element: .map(["prompt": .string("A dog")]),
                    inputs: [("frames", false, [.output(step: "frames", port: "frames")])], declaresOwnPorts: false),
                .init(
                    name: "small", stage: "command", settings: ["run": .list([.string("cp")]), "inputs": .list([])],
                    element: nil,
                    inputs: [
                        ("video", false, [.output(step: "samples", port: "videos")]), ("text", true, [.file("t.txt")]),
                    ], declaresOwnPorts: true),
            ])
        #expect(
            pipeline.text == """
                version: 1
                name: "x"
                clips:
                  - {file: "a.mp4", prompt: "A cat: \\"is\\" turning"}
                steps:
                  frames:
                    stage: frame-extraction
                    inputs: {clips: "${clips}"}
                    settings:
                      fps: 8.0
                      size: [4]
                  samples:
                    stage: sampling
                    for-each: [{prompt: "A dog"}]
                    inputs: {frames: "${frames.frames}"}
                    settings:
                      prompt: null
                  small:
                    stage: command
                    for-each: "${samples.videos}"
                    inputs: {video: "${item}", text: {file: "t.txt"}}
                    run: ["cp"]

                """)
    }
}
