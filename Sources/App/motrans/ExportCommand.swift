import ArgumentParser
import Artifacts
import Execution
import Exports
import Foundation
import Lineage
import Storage

struct ExportCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case inToto = "in-toto"
        case prov
        case roCrate = "ro-crate"
        case openlineage
    }

    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "A run as a document that other tools read: what came out, and what went in.",
        discussion: """
            in-toto: a Statement with SLSA provenance; with --sign, in a signed DSSE envelope. prov: W3C PROV-JSON. \
            ro-crate: a folder or a .zip with the results and how they came about. openlineage: run events, one a line. \
            Files go by their names and digests.

            \(ExitStatus.help)
            """)

    @Argument(help: "A run: its name, the beginning of it, latest or previous (default: the latest).") var name: String?
    @Option(help: "in-toto, prov, ro-crate or openlineage.") var format: Format
    @Option(help: "The latest run of the pipeline of this name.") var pipeline: String?
    @Option(
        help: ArgumentHelp(
            "Where to write (default: standard output); for ro-crate a folder or a .zip.", valueName: "path"))
    var to: String?
    @Option(
        help: ArgumentHelp("in-toto: sign with this private key (PEM; Ed25519 or ECDSA P-256).", valueName: "key.pem"))
    var sign: String?
    @Flag(help: "ro-crate: describe the results, and leave their bytes out.") var metadataOnly = false
    @Option(help: "ro-crate: who ran it.") var author: String?
    @Option(help: "ro-crate: the terms of use, a URL or a sentence.") var license: String?
    @Flag(help: "A file or a crate that is there already may be replaced.") var replace = false
    @OptionGroup var cache: CacheOptions

    func validate() throws {
        guard name == nil || pipeline == nil else {
            throw ValidationError("a run and --pipeline are two ways to name one: give one")
        }
        guard sign == nil || format == .inToto else {
            throw ValidationError("--sign is for --format in-toto: the others have no signed form")
        }
        guard format == .roCrate || !(metadataOnly || author != nil || license != nil) else {
            throw ValidationError("--metadata-only, --author and --license are for --format ro-crate")
        }
        guard format != .roCrate || to != nil else {
            throw ValidationError("a crate is a folder or a .zip: name it with --to")
        }
    }

    func run() throws {
        let engine = try cache.existingEngine()
        let run = try name.map(engine.run(called:)) ?? engine.latestRun(of: pipeline)
        let account = try engine.lineage.read { try $0.account(of: run) }
        let taint = try engine.lineage.read { try $0.taint() }
        let revoked = account.results.compactMap { taint.artifacts[$0.use.artifact] }.first
        if let revoked {
            let words = "results of this run come from something that was revoked (\(revoked.reason))"
            guard format != .roCrate || metadataOnly else {
                throw CommandFailure(
                    status: .integrity, message: words, help: "`--metadata-only` leaves their bytes out")
            }
            Console().note("warning: \(words)")
        }
        switch format {
        case .inToto: try write(statement(account))
        case .prov: try write(ProvDocument(account).value.indentedText)
        case .openlineage: try write(LineageEvents(account).values.map(\.lineText).joined(separator: "\n"))
        case .roCrate: try writeCrate(account, engine.store)
        }
    }

    private func statement(_ account: RunAccount) throws -> String {
        let key = try sign.map(Self.key)
        let statement: ProvenanceStatement
        do {
            statement = try ProvenanceStatement(account)
        } catch {
            throw CommandFailure(status: .notFound, message: "\(error)")
        }
        if let key { return SignedEnvelope(statement, with: key).value.lineText }
        Console().note("not signed: the bare statement, which proves nothing by itself; `--sign KEY.pem` signs it")
        return statement.value.indentedText
    }

    private static func key(_ path: String) throws -> SigningKey {
        let pem = try Data(contentsOf: URL(filePath: path))
        do {
            return try SigningKey(pem: pem)
        } catch {
            throw CommandFailure(status: .usage, message: "\(path) cannot sign: \(error)")
        }
    }

    private func write(_ text: String) throws {
        guard let to else { return Console().result(text) }
        try write(Data((text + "\n").utf8), to)
    }

    private func write(_ data: Data, _ path: String) throws {
        do {
            try data.write(to: URL(filePath: path), options: replace ? .atomic : .withoutOverwriting)
        } catch CocoaError.fileWriteFileExists {
            throw ExecutionError.wouldOverwrite(URL(filePath: path))
        }
        Console().note(path)
    }

    private func writeCrate(_ account: RunAccount, _ store: ObjectStore) throws {
        guard let to else { return }
        let crate = ResearchCrate(account, terms: .init(author: author, license: license)) { digest in
            !metadataOnly && store.contains(digest)
        }
        let left = account.results.flatMap { account.artifacts[$0.use.artifact]?.manifest.entries ?? [] }
            .filter { !store.contains($0.digest) }
        if !left.isEmpty, !metadataOnly {
            Console().note(
                "\(left.count) files of the results are not in the store any more: they are described, and their artifacts left out"
            )
        }
        let texts = [
            (ResearchCrate.metadataPath, crate.metadata.indentedText + "\n"),
            (ResearchCrate.pipelinePath, crate.pipeline),
        ]
        if to.lowercased().hasSuffix(".zip") {
            var archive = ZipArchive()
            for (path, text) in texts { try archive.add(path, Data(text.utf8)) }
            for file in crate.files { try archive.add(file.path, store.read(file.digest, limit: .max)) }
            return try write(archive.data, to)
        }
        let folder = URL(filePath: to, directoryHint: .isDirectory)
        let places = texts.map { folder.appending(path: $0.0) } + crate.files.map { folder.appending(path: $0.path) }
        if !replace, let there = places.first(where: { FileManager.default.fileExists(atPath: $0.path) }) {
            throw ExecutionError.wouldOverwrite(there)
        }
        for place in places {
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        }
        for file in crate.files {
            try store.copy(file.digest, to: folder.appending(path: file.path), replacing: replace, writable: true)
        }
        // Last, so that a crate with a description is whole.
        for (path, text) in texts.reversed() {
            try Data(text.utf8).write(to: folder.appending(path: path), options: .atomic)
        }
        Console().note(to)
    }
}

extension Engine {
    /// The latest run, or the latest of a pipeline.
    func latestRun(of pipeline: String?) throws -> RunRecord {
        guard let pipeline else { return try latestRun() }
        guard let run = try lineage.read({ try $0.runs(pipeline: pipeline, limit: 1) }).first else {
            throw CommandFailure(
                status: .notFound, message: "there is no run of a pipeline \(pipeline)",
                help: "`motrans runs` lists them")
        }
        return run
    }
}
