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

    /// Opens the store, making it if it is not there.
    func engine() throws -> Engine {
        try Engine(
            stages: Stages.table, store: ObjectStore(at: folder), lineage: LineageDatabase(in: folder),
            version: ToolVersion.text,
            facts: ["kernels": Kernels.description, "threads": "\(ThreadPool.width)"])
    }

    /// Opens a store that must be there: for commands that only look.
    func existingEngine() throws -> Engine {
        guard FileManager.default.fileExists(atPath: folder.appending(path: "lineage.sqlite").path) else {
            throw CommandFailure(
                status: .notFound, message: "there is no store at \(folder.relativePath)",
                help: "`motrans run FILE` makes one; `--cache DIR` or MOTRANS_CACHE name another place")
        }
        return try engine()
    }
}
