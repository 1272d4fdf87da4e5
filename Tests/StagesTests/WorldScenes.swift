import Artifacts
import Pretraining
import StageKit
import Tensors
import World

/// A few videos of the procedural world, for tests of stages that train on them.
enum WorldScenes {
    static func videos(_ count: Int, motions: [Motion] = Motion.base, seed: UInt64 = 1) -> SceneVideos {
        var generator = Generator(seed: seed)
        let scenes = (0..<count).map { _ in Scene.random(motions: motions, using: &generator) }
        return SceneVideos(scenes: scenes, side: 32, pixels: scenes.flatMap { $0.pixels() })
    }
}

extension StageRoom {
    func scenes(_ name: String, _ videos: SceneVideos) throws -> InputArtifact {
        try artifact(.scenes, name) { try videos.write(to: $0) }
    }
}
