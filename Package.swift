// swift-tools-version: 6.2
import PackageDescription

// The architecture as a table: `ls Sources` gives the layers, a line below gives a module and all that it may import.
// Tests/ArchitectureTests holds the import lines of the sources to it.

let package = Package(
    name: "motrans",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "motrans", targets: ["motrans"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // System: C libraries: headers, and for those whose loading takes long, functions that load them when first called.
        .target(name: "CBLAS", path: "Sources/System/CBLAS"),
        .target(name: "CAV", path: "Sources/System/CAV"),
        .target(name: "CCurl", path: "Sources/System/CCurl"),
        .systemLibrary(name: "CZstd", path: "Sources/System/CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLinux", path: "Sources/System/CLinux"),
        .systemLibrary(name: "CCrypto", path: "Sources/System/CCrypto", providers: [.apt(["libssl-dev"])]),

        // Core: numbers; knows nothing of pipelines.
        .target(
            name: "CKernels", path: "Sources/Core/CKernels",
            cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off"])]),
        .core("Tracing", []),
        .target(
            name: "CLexicon", path: "Sources/Core/CLexicon",
            exclude: ["lexicon.txt", "make-lexicon.py", "LICENSE-WordNet.txt"]),
        .core("Tensors", ["CKernels", "CBLAS"]),
        .core("Autograd", ["Tensors", "Tracing"]),
        .core("Layers", ["Autograd", "Tensors"]),
        .core("Objectives", ["Autograd", "Tensors"]),
        .core("Checkpoints", ["Tensors"]),
        .core("Models", ["Layers", "Autograd", "Tensors", "Checkpoints"]),
        .core("Verbs", ["CLexicon"]),
        .core("Diffusion", ["Models", "Layers", "Autograd", "Tensors", "Checkpoints", "Tracing", "Verbs"]),
        .core("Media", ["Tensors", "CAV"]),
        .core("World", ["Tensors"]),

        // Flow: pipelines; knows nothing of numbers.
        .flow("Artifacts", ["CCrypto"]),
        .flow("StageKit", ["Artifacts", .log]),
        .flow("Pipelines", ["StageKit", "Artifacts", .yams]),
        .flow("Storage", ["Artifacts", "CZstd", "CLinux"]),
        .flow("Lineage", ["Artifacts", .grdb]),
        .flow("Exports", ["Lineage", "Artifacts"]),
        .flow("Execution", ["Lineage", "Storage", "Pipelines", "StageKit", "Artifacts", .log]),

        // Stages: where the two meet, one module each. Formats is what lies inside the artifacts that flow between them.
        .stage("Formats", ["Diffusion", "Models", "Layers", "Autograd", "Checkpoints", "Tensors", "Tracing"]),
        .stage("FrameExtraction", ["Formats", "Media"]),
        .stage("Recaption", ["Formats", "Diffusion", "Autograd", "Models", "Media", "Tensors", "CCurl"]),
        .stage("SpatialLoRATraining", ["Formats", "Diffusion", "Models", "Layers", "Autograd", "Tensors", "Tracing"]),
        .stage("ImageEmbedding", ["Formats", "Autograd", "Models", "Media", "Tensors", "Tracing"]),
        .stage("MotionTraining", ["Formats", "Diffusion", "Models", "Layers", "Autograd", "Tensors", "Tracing"]),
        .stage(
            "Sampling",
            ["Formats", "Diffusion", "Models", "Layers", "Autograd", "Media", "Checkpoints", "Tensors", "Tracing"]),
        .stage("MetricScoring", ["Formats", "Autograd", "Models", "Media", "Tensors", "Tracing"]),
        .stage("Command", []),

        // Stages that train the embedded models. Pretraining is what they share.
        .stage(
            "Pretraining",
            [
                "Formats", "World", "Models", "Layers", "Autograd", "Media", "Checkpoints", "Tensors", "Tracing",
            ]),
        .stage("WorldRendering", ["Formats", "Pretraining", "World", "Media", "Tensors"]),
        .stage(
            "AutoencoderTraining",
            [
                "Formats", "Pretraining", "World", "Models", "Objectives", "Layers", "Autograd", "Media", "Tensors",
            ]),
        .stage("SceneJudging", ["Formats", "World", "Media"]),
        .stage("WorldClips", ["Formats", "World", "Tensors"]),
        .stage("ModelAssembly", ["Formats", "Pretraining", "Checkpoints"]),
        .stage("LatentEncoding", ["Formats", "Pretraining", "World", "Models", "Autograd", "Tensors"]),
        .stage(
            "UNetTraining",
            [
                "Formats", "Pretraining", "World", "Diffusion", "Models", "Objectives", "Layers", "Autograd", "Media",
                "Checkpoints", "Tensors",
            ]),
        .stage(
            "CLIPTraining",
            [
                "Formats", "Pretraining", "World", "Models", "Objectives", "Layers", "Autograd", "Media", "Tensors",
            ]),
        .stage(
            "CaptionerTraining",
            [
                "Formats", "Pretraining", "World", "Models", "Layers", "Autograd", "Media", "Checkpoints", "Tensors",
            ]),
        .stage(
            "MotionEncoderTraining",
            [
                "Formats", "Pretraining", "World", "Models", "Objectives", "Layers", "Autograd", "Media", "Tensors",
            ]),

        // App: the command line, the only composition root.
        .executableTarget(
            name: "motrans",
            dependencies: .flow + .core + .stages + [.argumentParser, .log, .yams],
            path: "Sources/App/motrans", resources: [.copy("Models")], swiftSettings: .house),

        .tests("Tracing", ["Tracing"]),
        .tests("Tensors", ["Tensors", "CKernels"]),
        .tests("Autograd", ["Autograd", "Tensors"]),
        .tests("Layers", ["Layers", "Autograd", "Tensors"]),
        .tests("Objectives", ["Objectives", "Autograd", "Tensors"]),
        .tests("Checkpoints", ["Checkpoints", "Tensors"]),
        .tests("Models", ["Models", "Layers", "Autograd", "Tensors", "Checkpoints"]),
        .tests("Verbs", ["Verbs"]),
        .tests("Diffusion", ["Diffusion", "Models", "Layers", "Autograd", "Tensors", "Checkpoints"]),
        .tests("Media", ["Media", "Tensors"]),
        .tests("World", ["World", "Media", "Tensors"]),
        .tests("Artifacts", ["Artifacts"]),
        .tests("StageKit", ["StageKit", "Artifacts"]),
        .tests("Pipelines", ["Pipelines", "StageKit", "Artifacts"]),
        .tests("Storage", ["Storage", "Artifacts"]),
        .tests("Lineage", ["Lineage", "Artifacts", .grdb]),
        .tests("Exports", ["Exports", "Lineage", "Artifacts"]),
        .tests("Execution", ["Execution", "Lineage", "Storage", "Pipelines", "StageKit", "Artifacts", .log, .grdb]),
        .tests("Stages", .stages + .core + ["StageKit", "Artifacts", .log]),
        .tests("EndToEnd", ["motrans", "Media", "Tensors", "Artifacts"]),
        .tests("Architecture", []),
    ]
)

extension Target {
    /// A module of Sources/Core.
    ///
    /// Optimised in debug builds too: a kernel without the optimiser is some 80 times slower.
    static func core(_ name: String, _ dependencies: [Dependency]) -> Target {
        .target(
            name: name, dependencies: dependencies, path: "Sources/Core/\(name)",
            swiftSettings: .house + [.unsafeFlags(["-O"], .when(configuration: .debug))])
    }

    /// A module of Sources/Flow.
    static func flow(_ name: String, _ dependencies: [Dependency]) -> Target {
        .target(name: name, dependencies: dependencies, path: "Sources/Flow/\(name)", swiftSettings: .house)
    }

    /// A module of Sources/Stages: sees Core and the stage author's half of Flow.
    static func stage(_ name: String, _ core: [Dependency]) -> Target {
        .target(
            name: name, dependencies: core + ["StageKit", "Artifacts", .log], path: "Sources/Stages/\(name)",
            swiftSettings: .house)
    }

    /// The tests of a module.
    static func tests(_ name: String, _ dependencies: [Dependency]) -> Target {
        .testTarget(
            name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests", swiftSettings: .house)
    }
}

extension [Target.Dependency] {
    static var core: Self {
        [
            "Diffusion", "Models", "Objectives", "Layers", "Autograd", "Tensors", "Checkpoints", "Media", "Tracing",
            "Verbs",
            "World",
        ]
    }
    static var flow: Self { ["Execution", "Exports", "Lineage", "Storage", "Pipelines", "StageKit", "Artifacts"] }
    static var stages: Self {
        [
            "Formats", "FrameExtraction", "Recaption", "SpatialLoRATraining", "ImageEmbedding", "MotionTraining",
            "Sampling", "MetricScoring", "Command", "Pretraining", "WorldRendering", "AutoencoderTraining",
            "LatentEncoding", "UNetTraining", "CLIPTraining", "MotionEncoderTraining", "ModelAssembly",
            "WorldClips", "SceneJudging", "CaptionerTraining",
        ]
    }
}

extension Target.Dependency {
    static var argumentParser: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var grdb: Self { .product(name: "GRDB", package: "GRDB.swift") }
    static var log: Self { .product(name: "Logging", package: "swift-log") }
    static var yams: Self { .product(name: "Yams", package: "Yams") }
}

extension [SwiftSetting] {
    /// What every module is held to.
    static var house: Self {
        [
            .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        ]
    }
}
