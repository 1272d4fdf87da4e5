import AutoencoderTraining
import CLIPTraining
import CaptionerTraining
import Command
import FrameExtraction
import ImageEmbedding
import LatentEncoding
import MetricScoring
import ModelAssembly
import MotionEncoderTraining
import MotionTraining
import Recaption
import Sampling
import SceneJudging
import SpatialLoRATraining
import StageKit
import UNetTraining
import WorldClips
import WorldRendering

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
        StageDescriptor(WorldRenderingStage.self),
        StageDescriptor(WorldClipsStage.self),
        StageDescriptor(AutoencoderTrainingStage.self),
        StageDescriptor(LatentEncodingStage.self),
        StageDescriptor(UNetTrainingStage.self),
        StageDescriptor(ModelAssemblyStage.self),
        StageDescriptor(SceneJudgingStage.self),
        StageDescriptor(CLIPTrainingStage.self),
        StageDescriptor(MotionEncoderTrainingStage.self),
        StageDescriptor(CaptionerTrainingStage.self),
    ])
}
