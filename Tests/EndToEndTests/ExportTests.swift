import Artifacts
import Foundation
import Testing

@Suite("A run as other tools read it")
struct ExportTests {
    /// A tool of the system that prints what this suite compares with.
    private func tool(_ workspace: borrowing Workspace, _ arguments: String...) throws -> Outcome {
        try workspace.run(URL(filePath: "/usr/bin/env"), arguments)
    }

    private func sha256(_ url: URL) throws -> String { Digest(of: try Data(contentsOf: url)).hex }

    private func value(_ outcome: Outcome) throws -> Value {
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try Value(canonicalText: outcome.output)
    }

    /// A pipeline of programs, the second of which fails while there is no file `go`.
    private func failing(_ workspace: borrowing Workspace) throws {
        try workspace.write(
            "p.yaml",
            """
            version: 1
            name: programs
            steps:
              first: {stage: command, run: [sh, -c, 'echo one > "$1"', sh, "{outputs.x}"], outputs: {x: file}}
              second:
                stage: command
                inputs: {x: "${first}"}
                run: [sh, -c, '[ -e "$1" ] && cp "$2" "$3"', sh, "\(workspace.folder.path)/go", "{inputs.x}", "{outputs.y}"]
                outputs: {y: file}

            """)
    }

    @Test func `in-toto: a statement names the bytes of every result, and the clip, text and models they came from`()
        throws
    {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let outcome = try workspace.motrans("export", "--format", "in-toto")
        #expect(outcome.errors.hasPrefix("not signed: "))
        #expect(try JSONSchema("docs/schemas/in-toto-statement.json").problems(of: outcome.output) == [])
        let statement = try value(outcome)
        let subjects = Dictionary(
            uniqueKeysWithValues: (statement["subject"]?.list ?? []).map {
                ($0["name"]?.string ?? "", $0["digest"]?["sha256"]?.string ?? "")
            })
        for (step, port, name) in [
            (TurnBox.robot, "videos", "seed-1.mp4"), (TurnBox.cat, "videos", "seed-1.mp4"),
            ("scores", "scores", "scores.json"),
        ] {
            let folder = workspace.folder.appending(path: "got-\(step)")
            let got = try workspace.motrans("get", step, "--pipeline", "p.yaml", "--to", folder.path, "--exact")
            #expect(got.status == 0)
            #expect(try subjects["\(step)/\(port)/\(name)"] == sha256(folder.appending(path: name)))
        }
        // What the videos were made of is no result.
        #expect(!subjects.keys.contains { $0.hasPrefix("motion/") || $0.hasPrefix("frames/") })
        let definition = statement["predicate"]?["buildDefinition"]
        let dependencies = Dictionary(
            (definition?["resolvedDependencies"]?.list ?? []).map { ($0["name"]?.string ?? "", $0["digest"]) }
        ) { $1 }
        #expect(
            try dependencies["clip.mp4"]??["sha256"]?.string == sha256(workspace.folder.appending(path: "clip.mp4")))
        #expect(try dependencies["p.yaml"]??["sha256"]?.string == sha256(workspace.folder.appending(path: "p.yaml")))
        #expect(dependencies["models/unet"]??["motransFolder"]?.string?.count == 64)
        #expect(definition?["internalParameters"]?["steps"]?["motion"]?["settings"]?["rank"] == .int(2))
        // It is for others: where the files lay is nobody's business.
        #expect(!outcome.output.contains(workspace.folder.path))
        #expect(try workspace.motrans("export", "--format", "in-toto").output == outcome.output)
    }

    @Test(arguments: [["ed25519"], ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]])
    func `in-toto: openssl verifies what was signed, and nothing else`(algorithm: [String]) throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let made = try workspace.run(
            URL(filePath: "/usr/bin/env"), ["openssl", "genpkey", "-out", "key.pem", "-algorithm"] + algorithm)
        try #require(made.status == 0, "\(made.errors)")
        _ = try tool(workspace, "openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
        let outcome = try workspace.motrans("export", "--format", "in-toto", "--sign", "key.pem")
        #expect(outcome.errors == "")
        #expect(try JSONSchema("docs/schemas/dsse-envelope.json").problems(of: outcome.output) == [])
        let envelope = try value(outcome)
        let payload = try #require(envelope["payload"]?.string.flatMap { Data(base64Encoded: $0) })
        let signature = envelope["signatures"]?.list?.first
        let bare = try value(workspace.motrans("export", "--format", "in-toto"))
        #expect(try Value(canonicalText: String(decoding: payload, as: UTF8.self)) == bare)

        _ = try tool(workspace, "openssl", "pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der")
        #expect(try signature?["keyid"]?.string == sha256(workspace.folder.appending(path: "public.der")))
        let sig = try #require(signature?["sig"]?.string.flatMap { Data(base64Encoded: $0) })
        try sig.write(to: workspace.folder.appending(path: "sig"))
        let verify = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "public.pem", "-sigfile", "sig"]
        for (body, isGood) in [(payload, true), (payload + Data(" ".utf8), false)] {
            let type = "application/vnd.in-toto+json"
            let signed = Data("DSSEv1 \(type.count) \(type) \(body.count) ".utf8) + body
            try signed.write(to: workspace.folder.appending(path: "signed"))
            let hash = algorithm.count > 1 ? ["-digest", "sha256"] : []
            let checked = try workspace.run(URL(filePath: "/usr/bin/env"), verify + hash + ["-in", "signed"])
            #expect((checked.status == 0) == isGood, "\(checked.output)\(checked.errors)")
        }
        let wrong = try workspace.motrans("export", "--format", "in-toto", "--sign", "public.pem")
        #expect(wrong.status == 2 && wrong.errors.contains("the private one signs"), "\(wrong.errors)")
    }

    @Test func `PROV: valid by the schema of the submission, and a video derives from the clip`() throws {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let outcome = try workspace.motrans("export", "--format", "prov")
        #expect(try JSONSchema("Tests/Exports/prov-json.schema.json").problems(of: outcome.output) == [])
        let document = try value(outcome)
        let entities = document["entity"]?.map ?? [:]
        func relations(_ section: String) -> [Value] { (document[section]?.map ?? [:]).map(\.value) }
        for (section, fields) in [
            ("used", ["prov:entity": "entity", "prov:activity": "activity"]),
            ("wasGeneratedBy", ["prov:entity": "entity", "prov:activity": "activity"]),
            ("wasDerivedFrom", ["prov:usedEntity": "entity", "prov:generatedEntity": "entity"]),
            ("wasAssociatedWith", ["prov:activity": "activity", "prov:agent": "agent"]),
            ("hadMember", ["prov:collection": "entity", "prov:entity": "entity"]),
        ] {
            #expect(!relations(section).isEmpty)
            for relation in relations(section) {
                for (field, kind) in fields {
                    let name = relation[field]?.string ?? ""
                    #expect(document[kind]?[name] != nil, "\(section) speaks of \(name), which is not there")
                }
            }
        }
        // From the bytes of a video to those of the clip.
        let folder = workspace.folder.appending(path: "got")
        _ = try workspace.motrans("get", TurnBox.robot, "--pipeline", "p.yaml", "--to", folder.path, "--exact")
        let video = "file:" + (try sha256(folder.appending(path: "seed-1.mp4")))
        #expect(entities[video] != nil)
        let holders = { (file: String) in
            Set(
                relations("hadMember").filter { $0["prov:entity"]?.string == file }.compactMap {
                    $0["prov:collection"]?.string
                })
        }
        var reached = holders(video)
        while true {
            let next = relations("wasDerivedFrom").filter { reached.contains($0["prov:generatedEntity"]?.string ?? "") }
                .compactMap { $0["prov:usedEntity"]?.string }
            guard !reached.isSuperset(of: next) else { break }
            reached.formUnion(next)
        }
        let clip = "file:" + (try sha256(workspace.folder.appending(path: "clip.mp4")))
        #expect(!holders(clip).isEmpty && reached.isSuperset(of: holders(clip)))
        #expect(!outcome.output.contains(workspace.folder.path))
    }

    @Test func `OpenLineage: each step starts and ends below its run; what failed says why, what was found is marked`()
        throws
    {
        let workspace = try Workspace()
        try failing(workspace)
        #expect(try workspace.motrans("run", "p.yaml").status == 1)
        let schema = try JSONSchema("docs/schemas/openlineage.json")
        func events() throws -> [Value] {
            let outcome = try workspace.motrans("export", "--format", "openlineage")
            return try outcome.output.split(separator: "\n").map { line in
                #expect(try schema.problems(of: String(line)) == [])
                return try Value(canonicalText: String(line))
            }
        }
        func told(_ events: [Value]) -> [String] {
            events.map { ($0["job"]?["name"]?.string ?? "") + " " + ($0["eventType"]?.string ?? "") }
        }
        let failed = try events()
        #expect(
            told(failed) == [
                "programs START", "programs.first START", "programs.first COMPLETE", "programs.second START",
                "programs.second FAIL", "programs FAIL",
            ])
        let error = failed[4]["run"]?["facets"]?["errorMessage"]?["message"]?.string ?? ""
        #expect(error.contains("exit"), "\(error)")
        let parents = failed.map { $0["run"]?["facets"]?["parent"]?["run"]?["runId"] }
        let run = failed[0]["run"]?["runId"]
        #expect(parents == [nil, run, run, run, run, nil] && run != nil)
        let statement = try workspace.motrans("export", "--format", "in-toto")
        #expect(statement.status == 3 && statement.errors.contains("no results to vouch for: it is failed"))

        try workspace.write("go", "")
        #expect(try workspace.motrans("run", "p.yaml").status == 0)
        let done = try events()
        #expect(
            told(done) == [
                "programs START", "programs.first START", "programs.first COMPLETE", "programs.second START",
                "programs.second COMPLETE", "programs COMPLETE",
            ])
        let reused = done.map { $0["run"]?["facets"]?["motrans_attempt"]?["reused"]?.bool }
        #expect(reused == [nil, true, true, false, false, nil])
        // The same dataset under the same name, and the events of one run are those of no other.
        #expect(done[3]["inputs"] == failed[3]["inputs"])
        let names = { (events: [Value]) in Set(events.map { $0["run"]?["runId"] }) }
        let isApart = names(done).isDisjoint(with: names(failed))
        #expect(isApart)
        let runs = try workspace.motrans("runs", "--json").document()["runs"] as? [[String: Any]]
        let first = try #require(runs?.last?["run"] as? String)
        let again = try workspace.motrans("export", first, "--format", "openlineage").output
        #expect(try again == failed.map { try $0.canonicalText() + "\n" }.joined())
    }

    @Test func `RO-Crate: the results are in it with the digests told, and whatever is spoken of is described`() throws
    {
        let workspace = try Workspace(copyOf: TurnBox.done)
        let outcome = try workspace.motrans(
            "export", "--format", "ro-crate", "--to", "crate", "--author", "A Person", "--license",
            "https://spdx.org/licenses/CC0-1.0")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let folder = workspace.folder.appending(path: "crate")
        let text = try workspace.read("crate/ro-crate-metadata.json")
        #expect(!text.contains(workspace.folder.path))
        let graph = try Value(canonicalText: text)["@graph"]?.list ?? []
        let entities = Dictionary(graph.map { ($0["@id"]?.string ?? "", $0) }) { $1 }
        #expect(entities.count == graph.count)
        for entity in graph {
            for (name, member) in entity.map ?? [:] {
                for item in member.list ?? [member] {
                    guard let id = item["@id"]?.string,
                        name != "conformsTo" || entity["@id"] != "ro-crate-metadata.json"
                    else { continue }
                    #expect(entities[id] != nil, "\(name) of \(entity["@id"]?.string ?? "") speaks of \(id)")
                }
            }
        }
        var files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: folder.appending(path: $0).path, isDirectory: &isFolder)
                && !isFolder.boolValue
        }
        files.removeAll { $0 == "ro-crate-metadata.json" }
        #expect(
            files.count(where: { $0.hasSuffix(".mp4") }) == 2 && files.contains("results/scores/scores/scores.json"))
        for file in files {
            #expect(try entities[file]?["sha256"]?.string == sha256(folder.appending(path: file)), "\(file)")
        }
        #expect(entities["./"]?["hasPart"]?.list?.count == files.count)
        #expect(try workspace.read("crate/pipeline.yaml") == TurnBox.pipeline)
        func actions(_ type: String) -> Int { graph.count { $0["@type"]?.string == type } }
        #expect(actions("CreateAction") == 9 && actions("ControlAction") == 8 && actions("OrganizeAction") == 1)

        // Nothing is written over; a .zip holds the same.
        #expect(try workspace.motrans("export", "--format", "ro-crate", "--to", "crate").status == 2)
        #expect(try workspace.motrans("export", "--format", "ro-crate", "--to", "crate.zip").status == 0)
        let size = try Data(contentsOf: workspace.folder.appending(path: "crate.zip")).count
        let sizes = try files.map { try Data(contentsOf: folder.appending(path: $0)).count }
        #expect(size > sizes.reduce(0, +))
        _ = try workspace.motrans("export", "--format", "ro-crate", "--to", "bare", "--metadata-only")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: workspace.folder.appending(path: "bare").path).sorted()
                == ["pipeline.yaml", "ro-crate-metadata.json"])
    }

    @Test func `what cannot be exported is said before anything is written`() throws {
        let workspace = try Workspace()
        #expect(try workspace.motrans("export", "--format", "prov").status == 3)
        try failing(workspace)
        try workspace.write("go", "")
        #expect(try workspace.motrans("run", "p.yaml").status == 0)
        for (arguments, status) in [
            (["--format", "ro-crate"], Int32(2)), (["--format", "prov", "--sign", "key.pem"], 2),
            (["--format", "in-toto", "--sign", "nowhere.pem"], 2), (["nothing", "--format", "prov"], 3),
            (["--format", "prov", "--pipeline", "other"], 3), (["--format", "cyclonedx"], 2),
        ] {
            let outcome = try workspace.run(Workspace.binary, ["export"] + arguments)
            #expect(outcome.status == status && outcome.output == "", "\(arguments): \(outcome.errors)")
        }
        try workspace.write("mine.json", "mine")
        #expect(try workspace.motrans("export", "--format", "prov", "--to", "mine.json").status == 2)
        #expect(try workspace.read("mine.json") == "mine")
        #expect(try workspace.motrans("export", "--format", "prov", "--to", "mine.json", "--replace").status == 0)
        #expect(try workspace.read("mine.json").hasPrefix("{"))
    }
}
