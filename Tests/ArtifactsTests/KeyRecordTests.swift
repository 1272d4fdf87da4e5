import Artifacts
import Testing

@Suite struct KeyRecordTests {
    private struct Work: KeyDescribable {
        var rank = 16
        var rate = 5e-4
        var inputs = ["frames"]

        func describe(into record: inout KeyRecord) throws(ArtifactError) {
            try record.add("key-schema", .int(1))
            try record.add("stage", .string("motion-training"))
            try record.add(
                "settings", each: ["rank": .int(rank), "learning-rate": .double(rate), "more": .map(["a": .null])])
            for (index, input) in inputs.enumerated() { try record.add("inputs.\(input).\(index)", Digest(of: input)) }
        }
    }

    @Test("a record reads as one line per field, and its digest is that of the text")
    func text() throws {
        let record = try KeyRecord(describing: Work())
        #expect(
            record.text == """
                key-schema = 1
                stage = "motion-training"
                settings.learning-rate = 0.0005
                settings.more.a = null
                settings.rank = 16
                inputs.frames.0 = "\(Digest(of: "frames"))"

                """)
        #expect(record.digest == Digest(of: record.text))
        #expect(try KeyRecord(text: record.text) == record)
        #expect(record["settings.rank"] == .int(16))
        #expect(record["settings.none"] == nil)
    }

    @Test("any record reads back, whatever its paths and values", arguments: 0..<32 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        var record = KeyRecord()
        for index in 0..<20 { try record.add("\(generator.text()) = \(index)", generator.value()) }
        try record.add("", .null)
        let back = try KeyRecord(text: record.text)
        #expect(back == record)
        #expect(back.digest == record.digest)
        #expect(record.text.utf8.count(where: { $0 == UInt8(ascii: "\n") }) == 21)
    }

    @Test("every change of a field changes the digest: type, value, name and order")
    func sensitivity() throws {
        func digest(_ fields: (String, Value)...) throws -> Digest {
            var record = KeyRecord()
            for (path, value) in fields { try record.add(path, value) }
            return record.digest
        }
        let digests = try [
            digest(("a", .int(1)), ("b", .int(2))), digest(("a", .double(1)), ("b", .int(2))),
            digest(("a", .string("1")), ("b", .int(2))), digest(("a", .int(1))), digest(("b", .int(2)), ("a", .int(1))),
            digest(("a", .int(1)), ("c", .int(2))), digest(("a = 1\nb", .int(2))), digest(),
        ]
        #expect(Set(digests).count == digests.count)
    }

    @Test("maps that differ only in where their dots are give different fields, which read back")
    func dots() throws {
        let maps: [[String: Value]] = [
            ["a.b": .int(1)], ["a": .map(["b": .int(1)])], ["\"a.b\"": .int(1)], ["a": .map(["b.c": .int(1)])],
            ["a.b": .map(["c": .int(1)])], ["a": .map(["b": .map(["c": .int(1)])])],
        ]
        let records = try maps.map { map in
            var record = KeyRecord()
            try record.add("element", each: map)
            #expect(try KeyRecord(text: record.text) == record)
            return record.digest
        }
        #expect(Set(records).count == maps.count)
    }

    @Test("two records tell what was added, removed and changed")
    func differences() throws {
        let old = try KeyRecord(describing: Work())
        let new = try KeyRecord(describing: Work(rank: 8, inputs: ["clips"]))
        #expect(new.differences(from: new).isEmpty)
        #expect(
            new.differences(from: old) == [
                .changed("settings.rank", from: .int(16), to: .int(8)),
                .added("inputs.clips.0", .string(Digest(of: "clips").hex)),
                .removed("inputs.frames.0", .string(Digest(of: "frames").hex)),
            ])
        #expect(new.differences(from: old).first?.description == "settings.rank: 16 → 8")
        // 16 and 16.0 are different work.
        var retyped = KeyRecord()
        try retyped.add("a", .double(16))
        var typed = KeyRecord()
        try typed.add("a", .int(16))
        #expect(retyped.differences(from: typed) == [.changed("a", from: .int(16), to: .double(16))])
    }

    @Test("a field twice, a number without form and broken text are refused")
    func refusals() throws {
        var record = KeyRecord()
        try record.add("a", .null)
        #expect(throws: ArtifactError.duplicateField("a")) { try record.add("a", .int(1)) }
        #expect(throws: ArtifactError.number("nan", path: "")) { try record.add("b", .double(.nan)) }
        #expect(record.fields.count == 1)
        for text in ["a", "a =", "a = ", "a = 1\n\nb = 2", "a = 1\na = 2", "\"a = 1", "a = 1 2", "\"\\"] {
            #expect(throws: ArtifactError.self, "\(text)") { try KeyRecord(text: text) }
        }
    }
}
