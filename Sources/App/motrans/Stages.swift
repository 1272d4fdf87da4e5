import Command
import FrameExtraction
import ImageEmbedding
import MetricScoring
import MotionTraining
import Recaption
import Sampling
import SpatialLoRATraining
import StageKit

/// All stages that pipeline files may name: the only list of them.
enum Stages {
    static let table = StageTable([
        StageDescriptor(FrameExtractionStage.self),
        StageDescriptor(RecaptionStage.self),
        StageDescriptor(SpatialLoRATrainingStage.self),
        StageDescriptor(ImageEmbeddingStage.self),
        StageDescriptor(MotionTrainingStage.self),
        StageDescriptor(SamplingStage.self),
        StageDescriptor(MetricScoringStage.self),
        StageDescriptor(CommandStage.self),
    ])
}
