import Foundation
import Testing

/// The layers of design and README, as a table: what the modules of a layer may import of our own modules.
private let layers: [(folder: String, modules: [String], mayImport: [String])] = [
    ("Core", core, core + ownC + systemOfCore),
    ("Flow", flow, flow + systemOfFlow),
    ("Stages", stages, ["Formats", "Pretraining", "StageKit", "Artifacts"] + core),
    ("App", ["motrans"], core + flow + stages),
]
private let core = [
    "Tensors", "Autograd", "Layers", "Objectives", "Checkpoints", "Models", "Diffusion", "Media", "World", "Tracing",
    "Verbs",
]
/// C of our own: kernels, and a text that is part of the program.
private let ownC = ["CKernels", "CLexicon"]
private let systemOfCore = ["CBLAS", "CAV"]
private let flow = ["Artifacts", "StageKit", "Pipelines", "Storage", "Lineage", "Exports", "Execution"]
private let systemOfFlow = ["CZstd", "CCrypto"]
private let stages = [
    "Formats", "FrameExtraction", "Recaption", "SpatialLoRATraining", "ImageEmbedding", "MotionTraining", "Sampling",
    "MetricScoring", "Command", "Pretraining", "WorldRendering", "WorldClips", "AutoencoderTraining", "CLIPTraining",
    "MotionEncoderTraining", "LatentEncoding", "UNetTraining", "ModelAssembly", "SceneJudging", "CaptionerTraining",
]
/// What stages share: what is inside artifacts, and how networks are trained from nothing.
///
/// The first does not know the second.
private let shared = ["Formats", "Pretraining"]
/// Modules of which only one module may know: each C library and each outside library has one room.
private let oneRoom: [String: String] = [
    "CBLAS": "Tensors", "CKernels": "Tensors", "CAV": "Media", "CZstd": "Storage", "CCrypto": "Artifacts",
    "CLexicon": "Verbs", "GRDB": "Lineage",
]

@Suite("The imports of the sources keep to the layers")
struct ImportTests {
    private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private var ours: Set<String> {
        Set(core + flow + stages + ownC + systemOfCore + systemOfFlow + ["motrans"])
    }

    @Test("each layer imports only what lies below it", arguments: layers.map(\.folder))
    func layersPointDown(folder: String) throws {
        let layer = try #require(layers.first { $0.folder == folder })
        var files = 0
        for module in layer.modules {
            for (file, imports) in try importsByFile(in: "Sources/\(folder)/\(module)") {
                files += 1
                for name in imports where ours.contains(name) && !layer.mayImport.contains(name) {
                    Issue.record("\(file) in \(folder)/\(module) imports \(name), which \(folder) may not know")
                }
            }
        }
        #expect(files > 0, "no source was found in Sources/\(folder)")
    }

    @Test("every module of the sources stands in the table, and nothing else lies beside the layers")
    func tableIsComplete() throws {
        let names = { (path: String) in
            try FileManager.default.contentsOfDirectory(atPath: root.appending(path: path).path).sorted()
        }
        #expect(try names("Sources") == ["App", "Core", "Flow", "Stages", "System"])
        for layer in layers {
            let extra = layer.folder == "Core" ? ownC : []
            #expect(try names("Sources/\(layer.folder)") == (layer.modules + extra).sorted())
        }
    }

    @Test("every module imports exactly what its line in Package.swift says, of our own modules")
    func packageIsTheTable() throws {
        let table = try dependencies()
        for layer in layers where layer.folder != "App" {
            for module in layer.modules {
                let declared = try #require(table[module], "Package.swift has no line for \(module)")
                let imports = try importsByFile(in: "Sources/\(layer.folder)/\(module)")
                let used = imports.reduce(into: Set<String>()) { $0.formUnion($1.imports) }.intersection(ours)
                #expect(used == declared, "\(module) imports \(used.sorted()), and may import \(declared.sorted())")
            }
        }
    }

    /// The names of our own modules that each line of Package.swift hands to a module.
    private func dependencies() throws -> [String: Set<String>] {
        let text = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
        var table: [String: Set<String>] = [:]
        for line in text.matches(of: /\.(core|flow|stage)\(\s*"(\w+)",\s*\[([^\]]*)\]/) {
            var names = Set(line.output.3.matches(of: /"(\w+)"/).map { String($0.output.1) })
            if line.output.1 == "stage" { names.formUnion(["StageKit", "Artifacts"]) }
            table[String(line.output.2)] = names.intersection(ours)
        }
        return table
    }

    @Test("a library with a room of its own is imported there alone", arguments: Array(oneRoom.keys).sorted())
    func oneRoomEach(library: String) throws {
        let room = try #require(oneRoom[library])
        for layer in layers {
            for module in layer.modules where module != room {
                for (file, imports) in try importsByFile(in: "Sources/\(layer.folder)/\(module)")
                where imports.contains(library) {
                    Issue.record("\(file) in \(module) imports \(library), which is the business of \(room)")
                }
            }
        }
    }

    @Test("stages do not know each other")
    func stagesAreStrangers() throws {
        for module in stages {
            let known = [module] + (module == "Formats" ? [] : shared)
            for (file, imports) in try importsByFile(in: "Sources/Stages/\(module)") {
                for name in imports where stages.contains(name) && !known.contains(name) {
                    Issue.record("\(file) of stage \(module) imports stage \(name)")
                }
            }
        }
    }

    /// The modules that each Swift file below a folder imports.
    private func importsByFile(in path: String) throws -> [(file: String, imports: Set<String>)] {
        let folder = root.appending(path: path)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        return try files.sorted().map { file in
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            let imports = text.split(separator: "\n").compactMap { line -> String? in
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at + 1 < words.count, at <= 2 else { return nil }
                let access = ["public", "package", "internal", "fileprivate", "private"]
                guard words[..<at].allSatisfy({ access.contains(String($0)) || $0.hasPrefix("@") }) else { return nil }
                let isScoped = ["struct", "class", "enum", "func", "protocol"].contains(String(words[at + 1]))
                let name = isScoped && at + 2 < words.count ? words[at + 2] : words[at + 1]
                return String(name.split(separator: ".")[0])
            }
            return (file, Set(imports))
        }
    }
}
