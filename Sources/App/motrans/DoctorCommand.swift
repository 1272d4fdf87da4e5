import ArgumentParser
import Artifacts
import Execution
import Foundation
import Media
import Tensors

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "What this machine and this store can do.", discussion: ExitStatus.help)

    /// One thing that was looked at.
    private struct Finding {
        let name: String
        let isGood: Bool
        let text: String
    }

    @Flag(help: "One JSON document.") var json = false
    @OptionGroup var cache: CacheOptions

    func run() throws {
        let console = Console()
        let findings = [kernels, media, store, space]
        if json {
            let values: [Value] = findings.map {
                .map(["name": .string($0.name), "good": .bool($0.isGood), "text": .string($0.text)])
            }
            console.result(JSON.document([("version", .string(ToolVersion.text)), ("findings", .list(values))]))
        } else {
            var table = Table([("", .left), ("what", .left), ("found", .left)])
            for finding in findings { table.add([finding.isGood ? "✓" : "✗", finding.name, finding.text]) }
            console.result(table.text)
        }
        guard findings.allSatisfy(\.isGood) else { throw ExitCode(ExitStatus.storeUnavailable.rawValue) }
    }

    private var kernels: Finding {
        let levels = KernelLevel.available.map(\.rawValue).joined(separator: ", ")
        return Finding(
            name: "kernels", isGood: true,
            text: "\(Kernels.description), \(ThreadPool.width) threads; this processor can run \(levels)")
    }

    private var media: Finding {
        let encoder = VideoWriter.encoderName
        return Finding(
            name: "video", isGood: encoder != nil,
            text: encoder.map { "libav writes mp4 with \($0)" } ?? "libav has no encoder for mp4: install libx264")
    }

    private var store: Finding {
        let path = cache.folder.relativePath
        guard cache.isThere else {
            return Finding(name: "store", isGood: true, text: "none at \(path) yet; the first run makes one")
        }
        do {
            let verification = try cache.engine().verify(readData: false)
            return Finding(
                name: "store", isGood: verification.isClean,
                text: "\(path): \(verification.objects) objects, \(Readable.bytes(verification.storedBytes))"
                    + (verification.isClean ? "" : "; \(verification.findings.count) findings: see `motrans verify`"))
        } catch {
            return Finding(name: "store", isGood: false, text: "\(path): \(error)")
        }
    }

    private var space: Finding {
        let facts = try? FileManager.default.attributesOfFileSystem(
            forPath: cache.folder.deletingLastPathComponent().path)
        let free = (facts?[.systemFreeSize] as? NSNumber)?.intValue ?? 0
        return Finding(name: "disk", isGood: free > 1 << 28, text: "\(Readable.bytes(free)) free")
    }
}
