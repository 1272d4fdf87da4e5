import Foundation
import Testing

@Suite("world draws clips with captions, the same for a seed, and overwrites nothing unasked")
struct WorldTests {
    private func names(_ workspace: borrowing Workspace, _ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(
            atPath: workspace.folder.appending(path: folder).path(percentEncoded: false)
        ).sorted()
    }

    private func bytes(_ workspace: borrowing Workspace, _ path: String) throws -> Data {
        try Data(contentsOf: workspace.folder.appending(path: path))
    }

    @Test func `a clip that is told in full`() throws {
        let workspace = try Workspace()
        let outcome = try workspace.motrans(
            "world", "--motion", "sliding left", "--subject", "ball", "--colour", "red", "--place", "grass", "--seed",
            "1", "--size", "64", "--to", "clips")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "clips/sliding-left-red-ball-grass-1.mp4\n")
        #expect(
            try names(workspace, "clips") == ["sliding-left-red-ball-grass-1.mp4", "sliding-left-red-ball-grass-1.txt"])
        #expect(
            try workspace.read("clips/sliding-left-red-ball-grass-1.txt") == "a red ball is sliding left on the grass\n"
        )
    }

    @Test func `what is left out follows from the seed, clip by clip`() throws {
        let workspace = try Workspace()
        let arguments = ["--motion", "zigzagging", "--size", "32", "--sheet"]
        #expect(try run(workspace, arguments + ["a.png", "--seed", "5", "--count", "3", "--to", "a"]) == 0)
        #expect(try run(workspace, arguments + ["b.png", "--seed", "5", "--count", "3", "--to", "b"]) == 0)
        let files = try names(workspace, "a")
        #expect(files.count == 6)
        #expect(files.allSatisfy { $0.hasPrefix("zigzagging-") })
        #expect(try names(workspace, "b") == files)
        for file in files { #expect(try bytes(workspace, "a/\(file)") == bytes(workspace, "b/\(file)")) }
        #expect(try bytes(workspace, "a.png") == bytes(workspace, "b.png"))
        // The second clip of seed 5 is the first of seed 6.
        #expect(try run(workspace, arguments + ["c.png", "--seed", "6", "--to", "c"]) == 0)
        for file in try names(workspace, "c") {
            #expect(try bytes(workspace, "a/\(file)") == bytes(workspace, "c/\(file)"))
        }
        // A PNG file says its size: eight frames of 96 pixels, three rows of them.
        let header = [UInt8](try bytes(workspace, "a.png").prefix(24))
        #expect(Array(header[16..<24]) == [0, 0, 3, 0, 0, 0, 1, 32])
    }

    private func run(_ workspace: borrowing Workspace, _ arguments: [String]) throws -> Int32 {
        try workspace.run(Workspace.binary, ["world"] + arguments).status
    }

    @Test func `files that are there stay, unless they may be replaced`() throws {
        let workspace = try Workspace()
        try workspace.write("clips/rising-red-cat-sea-0.txt", "mine\n")
        let arguments = [
            "--motion", "rising", "--subject", "cat", "--colour", "red", "--place", "sea", "--size", "32", "--to",
            "clips",
        ]
        let refused = try workspace.run(Workspace.binary, ["world"] + arguments)
        #expect(refused.status == 2)
        #expect(
            refused.errors == """
                error: clips/rising-red-cat-sea-0.txt is there already; nothing was written
                  = help: add --replace to write it anew

                """)
        #expect(try names(workspace, "clips") == ["rising-red-cat-sea-0.txt"])
        #expect(try workspace.read("clips/rising-red-cat-sea-0.txt") == "mine\n")
        #expect(try run(workspace, arguments + ["--replace"]) == 0)
        #expect(try workspace.read("clips/rising-red-cat-sea-0.txt") == "a red cat is rising under the sea\n")
    }

    @Test(
        "a name that is not there is told with the nearest",
        arguments: [
            ("--motion", "zigzaging", "there is no motion 'zigzaging'", "did you mean `zigzagging`?"),
            ("--subject", "bal", "there is no subject 'bal'", "did you mean `ball`?"),
            ("--colour", "gren", "there is no colour 'gren'", "did you mean `green`?"),
            (
                "--place", "moonbase", "there is no place 'moonbase'",
                "there are: beach, snow, city, grass, desert, space, sea, forest"
            ),
        ])
    func unknownNames(option: String, name: String, message: String, help: String) throws {
        let workspace = try Workspace()
        let outcome = try workspace.motrans("world", option, name, "--to", "clips")
        #expect(outcome.status == 2)
        #expect(outcome.errors == "error: \(message)\n  = help: \(help)\n")
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appending(path: "clips").path))
    }

    @Test func `numbers that make no sense, and no place to write to`() throws {
        let workspace = try Workspace()
        for arguments in [
            ["--to", "x", "--size", "100"], ["--to", "x", "--count", "0"], ["--to", "x", "--fps", "nan"],
            ["--seed", "1"],
        ] {
            #expect(try run(workspace, arguments) == 2, "\(arguments)")
        }
        try workspace.write("file", "")
        #expect(try run(workspace, ["--to", "file/clips", "--size", "32"]) == 2)
    }
}
