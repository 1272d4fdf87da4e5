import Artifacts
import Formats
import Foundation
import StageKit
import Testing

@testable import Recaption

@Suite("recaption")
struct RecaptionTests {
    private let stage = StageDescriptor(RecaptionStage.self)
    private static let prompt = "A person is turning a box"
    private static let caption =
        "A person in a grey shirt is turning a red box on a wooden table, warm light from the left, close view"
    private static let secret = "sk-very-secret-17"

    /// Runs the stage against a server that follows a script.
    private func captions(
        _ script: [CaptionServer.Reply], _ settings: [String: Value] = [:], clips: Int = 1, bench: StageBench,
        checkCancellation: @escaping @Sendable () throws -> Void = {}
    ) throws -> (captions: [Caption], attributes: Value, requests: [CaptionServer.Request]) {
        let server = try CaptionServer(script)
        defer { server.stop() }
        var complete: [String: Value] = [
            "captioner": "endpoint", "endpoint": .string(server.address), "key-variable": "SECRET", "timeout": .int(60),
        ]
        complete.merge(settings) { $1 }
        let frames = try TinyParts.frames(
            (0..<clips).map { TinyParts.clip(frames: 3, seed: UInt64($0), prompt: RecaptionTests.prompt) }, in: bench)
        let (context, outputs) = try bench.context(
            stage, inputs: ["frames": [frames]], checkCancellation: checkCancellation)
        try RecaptionStage().run(
            RecaptionStage.Settings(complete: stage.complete(complete)), context,
            environment: ["SECRET": RecaptionTests.secret], pause: 0.01)
        let artifact = try bench.artifact(#require(outputs["captions"]))
        return (try Caption.read(artifact), artifact.attributes, server.requests)
    }

    private func failure(
        _ script: [CaptionServer.Reply], _ settings: [String: Value] = [:]
    ) throws -> (text: String, log: String) {
        let bench = try StageBench()
        let error = #expect(throws: (any Error).self) { try captions(script, settings, bench: bench) }
        return ("\(error.map { "\($0)" } ?? "no error")", bench.log.text)
    }

    @Test("without captions and captioner the base prompts stay, and the log says so")
    func base() throws {
        let bench = try StageBench()
        let frames = try TinyParts.frames([TinyParts.clip(frames: 1, seed: 1)], in: bench)
        let output = try #require(bench.run(stage, inputs: ["frames": [frames]])["captions"])
        #expect(try Caption.read(output) == [Caption(prompt: RecaptionTests.prompt, caption: RecaptionTests.prompt)])
        #expect(bench.log.text.contains("captions are the base prompts, unchanged"))
        #expect(try stage.modelParts(stage.complete([:])).isEmpty)
    }

    @Test("captions by hand go with their clips, and their number must fit")
    func byHand() throws {
        let bench = try StageBench()
        let frames = try TinyParts.frames((0..<2).map { TinyParts.clip(frames: 1, seed: $0) }, in: bench)
        let given: [String: Value] = ["captions": .list(["first,\n one", " \"second\" "]), "captioner": "endpoint"]
        let output = try #require(bench.run(stage, given, inputs: ["frames": [frames]])["captions"])
        #expect(try Caption.read(output).map(\.caption) == ["first, one", "second"])
        let error = #expect(throws: (any Error).self) {
            try bench.run(stage, ["captions": .list(["one"])], inputs: ["frames": [frames]])
        }
        #expect("\(error.map { "\($0)" } ?? "")" == "there are 1 captions for 2 clips: give one for each, in order")
        #expect(try bench.check(stage, ["captions": .list(["a", " "])]).map(\.subject) == [.setting("captions")])
        let clip = SourceInput.File(path: "0.mp4", url: bench.folder)
        let clips = [SourceInput(kind: .clips, files: [clip, clip])]
        let few = try bench.check(stage, ["captions": .list(["one"])], upstream: ["frames": clips])
        #expect(few.map(\.subject) == [.setting("captions")])
        #expect(few[0].message == "there are 1 captions for 2 clips: give one for each, in order")
        #expect(try bench.check(stage, ["captions": .list(["one", "two"])], upstream: ["frames": clips]).isEmpty)
    }

    @Test("an endpoint is asked about a picture of each clip, as OpenAI's API has it")
    func endpoint() throws {
        let bench = try StageBench()
        let result = try captions(
            [.caption(RecaptionTests.caption), .caption("\"\(RecaptionTests.caption)\n\"")],
            ["endpoint-model": "some-model"], clips: 2, bench: bench)
        #expect(result.captions.map(\.caption) == [RecaptionTests.caption, RecaptionTests.caption])
        #expect(result.captions.allSatisfy { $0.prompt == RecaptionTests.prompt })
        #expect(result.attributes == .map(["captioner": "endpoint", "models": .list(["tiny-llava-q4"])]))
        let request = result.requests[0]
        #expect(request.head.hasPrefix("POST /v1/chat/completions HTTP/1.1"))
        #expect(request.head.contains("Authorization: Bearer \(RecaptionTests.secret)"))
        let json = try #require(request.json)
        #expect(json["model"] as? String == "some-model" && json["temperature"] as? Int == 0)
        let message = try #require((json["messages"] as? [[String: Any]])?.first)
        let content = try #require(message["content"] as? [[String: Any]])
        #expect((content[0]["text"] as? String)?.contains(RecaptionTests.prompt) == true)
        let url = try #require((content[1]["image_url"] as? [String: String])?["url"])
        #expect(url.hasPrefix("data:image/png;base64,iVBORw0KGgo"))
        #expect(!bench.log.text.contains(RecaptionTests.secret))
    }

    @Test(
        "answers that are no captions are refused with the reason",
        arguments: [
            (.caption(""), "is empty"), (.caption(" \"\" "), "is empty"),
            (.caption("A person in a grey shirt is turn", finish: "length"), "was cut off"),
            (.caption("a person is turning a box."), "only repeats the prompt"),
            (.caption(String(repeating: "very ", count: 60)), "has 60 words, 50 are allowed"),
        ] as [(CaptionServer.Reply, String)])
    func refused(_ reply: CaptionServer.Reply, _ reason: String) throws {
        let (text, _) = try failure([reply])
        #expect(text.contains("answer for clip 1 \(reason)") && text.contains("`captions:` by hand"), "\(text)")
    }

    @Test("what may pass is tried again: overload, a dropped connection, a slow server")
    func retries() throws {
        let bench = try StageBench()
        let result = try captions(
            [
                .raw(503, [:], "busy"), .hangUp, .raw(429, ["Retry-After": "0"], "{\"error\":\"slow down\"}"),
                .caption(RecaptionTests.caption),
            ], bench: bench)
        #expect(result.captions[0].caption == RecaptionTests.caption)
        #expect(result.requests.count == 4)
        #expect(bench.log.text.contains("HTTP 503: busy"))
        // The server's own wish goes before the pause.
        #expect(bench.log.text.contains("HTTP 429: slow down; trying again in 0.0 s"))
        let slow = try captions(
            [.silence(9), .caption(RecaptionTests.caption)], ["timeout": .int(3)], bench: try StageBench())
        #expect(slow.requests.count == 2)
    }

    @Test("a reply may come compressed; the request says who asks")
    func compressed() throws {
        let result = try captions([.gzip(RecaptionTests.caption)], bench: try StageBench())
        #expect(result.captions[0].caption == RecaptionTests.caption)
        #expect(result.requests[0].head.contains("User-Agent: motrans"))
    }

    @Test("what will not pass is an error at once, in the server's words and without the key")
    func errors() throws {
        let secret = RecaptionTests.secret
        for (reply, says) in [
            (
                .raw(400, [:], "{\"error\":{\"code\":400,\"message\":\"'messages' is required\",\"type\":\"x\"}}"),
                "answers HTTP 400: 'messages' is required"
            ),
            (.raw(401, [:], "{\"error\":{\"message\":\"bad key \(secret)\"}}"), "answers HTTP 401: bad key (key)"),
            (.raw(404, [:], ""), "answers HTTP 404: no reason given"),
            (.raw(302, ["Location": "http://127.0.0.1:9/"], ""), "sends us elsewhere (HTTP 302)"),
            (.raw(200, [:], "<html>\(secret)</html>"), "the body is not JSON: '<html>(key)"),
            (.raw(200, [:], "{\"error\":\"no vision\"}"), "no vision"),
            (.raw(200, [:], "{\"choices\":[]}"), "no choice"),
            (.raw(200, [:], "{\"choices\":[{\"text\":\"x\"}]}"), "has no message"), (.flood, "more than 1024 KiB"),
        ] as [(CaptionServer.Reply, String)] {
            let (text, log) = try failure([reply, .caption(RecaptionTests.caption)])
            #expect(text.contains(says), "\(text)")
            #expect(!text.contains(secret) && !log.contains(secret))
        }
    }

    @Test("a server that fails every time is given up, one that only drips is timed out")
    func givenUp() throws {
        let busy = try failure(
            Array(repeating: .raw(500, [:], "{\"error\":{\"message\":\"no image\"}}"), count: 9), ["retries": .int(2)])
        #expect(busy.text.contains("HTTP 500: no image"))
        #expect(busy.log.components(separatedBy: "trying again").count == 3)
        let drip = try failure([.drip], ["timeout": .int(1), "retries": .int(0)])
        #expect(drip.text.contains("has not answered within 1.0 s"))
        let garbled = try failure([.raw(200, ["Content-Encoding": "gzip"], "plain text")], ["retries": .int(0)])
        #expect(garbled.text.contains("sends an answer that breaks off or cannot be read"), "\(garbled.text)")
        let gone = try failure([], ["endpoint": "http://127.0.0.1:1/v1", "retries": .int(0)])
        #expect(gone.text.contains("http://127.0.0.1:1 cannot be reached: Failed to connect to 127.0.0.1 port 1"))
    }

    @Test("cancelling ends the wait for an answer")
    func cancellation() throws {
        let start = Date()
        #expect(throws: CancellationError.self) {
            try captions(
                [.silence(30)], bench: StageBench(),
                checkCancellation: {
                    if Date() > start + 0.3 { throw CancellationError() }
                })
        }
        #expect(Date().timeIntervalSince(start) < 20)
    }

    @Test("settings of an endpoint that cannot work are found before anything runs")
    func check() throws {
        let bench = try StageBench()
        func problem(_ settings: [String: Value]) throws -> (StageProblem.Subject, String) {
            let problems = try bench.check(stage, settings.merging(["captioner": "endpoint"]) { $1 })
            try #require(problems.count == 1)
            return (problems[0].subject, problems[0].message)
        }
        for (settings, subject, says) in [
            ([:], "endpoint", "needs `endpoint:`"), (["endpoint": "localhost:8080"], "endpoint", "no http or https"),
            (["endpoint": "ftp://host/"], "endpoint", "no http or https"),
            (["endpoint": "http://me:secret@host/v1"], "endpoint", "comes from the variable"),
            (["endpoint": "http://host/v1?key=abc"], "endpoint", "comes from the variable"),
            (["endpoint": "http://host/v1", "key-variable": "MOTRANS_ABSENT_KEY"], "key-variable", "is not set"),
        ] as [([String: Value], String, String)] {
            let (found, message) = try problem(settings)
            #expect(found == .setting(subject) && message.contains(says), "\(message)")
        }
        #expect(try bench.check(stage, ["captioner": "endpoint", "endpoint": "https://host/v1"]).isEmpty)
    }

    @Test("a caption longer than the text encoder reads loses its last parts, and one without commas is refused")
    func tokens() throws {
        let rules = CaptionRules(maximumWords: 50) { $0.count > 20 }
        func caption(_ text: String) throws -> String {
            try rules.caption(from: .init(text: text, isCutOff: false, model: nil), prompt: "a box")
        }
        #expect(try caption("a red box, on a table, in warm light") == "a red box")
        #expect(throws: CaptionRules.Refusal.tooManyTokens) { try caption("a red box on a wooden table") }
        #expect(throws: CaptionRules.Refusal.unchanged) { try caption("a box, on a table in warm light") }
        #expect(CaptionRules.lostWords(of: "A cat is jumping", in: "A red cat leaps") == ["jumping"])
    }
}
