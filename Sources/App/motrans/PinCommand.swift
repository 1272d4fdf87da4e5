import ArgumentParser
import Artifacts
import Execution
import Foundation
import Lineage

/// What gc must leave alone.
struct PinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin",
        abstract: "Keep a run, an artifact or what a step gave, whatever gc does; without a name, list.",
        discussion: ExitStatus.help)

    @Argument(help: "A run, four or more digits of a digest, an attempt, or a step (its latest outputs).")
    var subject: String?
    @Option(help: "Why, for those who come after.") var note = ""
    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let engine = try cache.existingEngine()
        guard let subject else { return try list(engine) }
        let targets = try engine.pinTargets(subject)
        for target in targets { try engine.lineage.pin(Pin(target, note: note)) }
        for target in targets { Console().result("pinned \(PinCommand.words(target))") }
    }

    private func list(_ engine: Engine) throws {
        let pins = try engine.lineage.read { try $0.pins() }
        guard !json else {
            let values = pins.map { pin in
                Value.map([
                    "target": .string(PinCommand.words(pin.target)), "note": .string(pin.note),
                    "date": JSON.time(pin.date),
                ])
            }
            return Console().result(JSON.document([("pins", .list(values))]))
        }
        guard !pins.isEmpty else { return Console().result("nothing is pinned") }
        var table = Table([("pinned", .left), ("when", .left), ("why", .left)])
        for pin in pins { table.add([PinCommand.words(pin.target), RunsCommand.when(pin.date), pin.note]) }
        Console().result(table.text)
    }

    static func words(_ target: Pin.Target) -> String {
        switch target {
        case .run(let run): "run \(run)"
        case .artifact(let digest): "artifact \(digest.hex)"
        }
    }
}

struct UnpinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "Let gc have what was pinned.", discussion: ExitStatus.help)

    @Argument(help: "As for `motrans pin`.") var subject: String
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let engine = try cache.existingEngine()
        let pinned = Set(try engine.lineage.read { try $0.pins() }.map(\.target))
        let targets = try engine.pinTargets(subject).filter(pinned.contains)
        guard !targets.isEmpty else {
            throw CommandFailure(
                status: .notFound, message: "\(subject) is not pinned", help: "`motrans pin` lists what is")
        }
        for target in targets { try engine.lineage.unpin(target) }
        for target in targets { Console().result("no longer pinned: \(PinCommand.words(target))") }
    }
}

extension Engine {
    /// What a name on the command line pins.
    fileprivate func pinTargets(_ subject: String) throws -> [Pin.Target] {
        let runs = try lineage.read { try $0.runs(limit: 100_000) }.filter { $0.id.text.hasPrefix(subject) }
        if runs.count == 1, subject.count >= 8 { return [.run(runs[0].id)] }
        return try artifacts(named: subject).map(Pin.Target.artifact)
    }
}
