import ArgumentParser
import Execution
import Foundation
import Lineage
import Storage
import Tensors

/// Where the store is.
struct CacheOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The store to use (default: $MOTRANS_CACHE, else ./cache).", valueName: "dir"))
    var cache: String?

    /// The folder of the store.
    var folder: URL {
        let environment = ProcessInfo.processInfo.environment["MOTRANS_CACHE"].flatMap { $0.isEmpty ? nil : $0 }
        return URL(filePath: cache ?? environment ?? "cache", directoryHint: .isDirectory)
    }

    /// Whether anything was ever run with it.
    var isThere: Bool { LineageDatabase.isThere(in: folder) }

    /// Opens the store, making it if it is not there; one that cannot be written is opened to look into.
    func engine() throws -> Engine {
        let store: ObjectStore
        do throws(StorageError) {
            store = try ObjectStore(at: folder)
        } catch {
            guard case .readOnly = error, isThere else { throw error }
            return try engine(
                ObjectStore(at: folder, readOnly: true), LineageDatabase(in: folder, readOnly: true))
        }
        return try engine(store, LineageDatabase(in: folder))
    }

    /// Opens a store that must be there: for commands about what was done.
    func existingEngine() throws -> Engine {
        guard isThere else {
            throw CommandFailure(
                status: .notFound, message: "there is no store at \(folder.relativePath)",
                help: "`motrans run FILE` makes one; `--cache DIR` or MOTRANS_CACHE name another place")
        }
        return try engine()
    }

    /// Opens a store for a forecast: one that is not there counts as empty, and is not made.
    func forecastEngine() throws -> Engine {
        guard !isThere else { return try engine() }
        return try engine(ObjectStore(at: folder, readOnly: true), LineageDatabase(absentFrom: folder))
    }

    private func engine(_ store: ObjectStore, _ lineage: LineageDatabase) -> Engine {
        Engine(
            stages: Stages.table, store: store, lineage: lineage, version: ToolVersion.text,
            facts: ["kernels": Kernels.description, "threads": "\(ThreadPool.width)"])
    }
}
