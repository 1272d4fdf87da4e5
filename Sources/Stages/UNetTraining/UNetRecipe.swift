import Autograd
import Diffusion
import Models
import Objectives
import Pretraining
import Tensors

/// What a denoising network of the world is made of and how it is trained.
struct UNetRecipe {
    private let settings: UNetTrainingSettings
    private let side: Int
    private let latentChannels: Int
    private let textWidth: Int

    init(_ settings: UNetTrainingSettings, latents: SceneLatents, textWidth: Int) {
        self.settings = settings
        side = latents.values.shape[2]
        latentChannels = latents.values.shape[4]
        self.textWidth = textWidth
    }

    var pretraining: Pretraining.Recipe {
        Pretraining.Recipe(
            steps: settings.steps, learningRate: settings.learningRate, warmUp: settings.warmUp,
            weightDecay: settings.weightDecay, betas: [0.9, 0.99], averageDecay: settings.averageDecay)
    }

    /// Mean of (v̂ - v)², each video at its own timestep, weighted towards the subject.
    func loss(
        of network: UNet3DConditionModel, _ batch: Batch, _ text: CaptionEncoder, _ schedule: NoiseSchedule,
        skipsTemporal: Bool
    ) -> Variable {
        let shape = batch.latents.shape
        var noisy: [Tensor] = []
        var targets: [Tensor] = []
        for (index, timestep) in batch.timesteps.enumerated() {
            let latents = Kernels.rows(batch.latents, index..<index + 1)
            let noise = Kernels.rows(batch.noise, index..<index + 1)
            noisy.append(schedule.noised(latents, with: noise, at: timestep))
            targets.append(schedule.target(latents, with: noise, at: timestep))
        }
        let prediction = network(
            sample: Variable(Kernels.concatenateRows(noisy)), timestep: batch.timesteps,
            context: Variable(text.encode(batch.captions)), skipsTemporalWhenSingleFrame: skipsTemporal)
        precondition(prediction.shape == shape, "a prediction \(prediction.shape) for latents \(shape)")
        return weightedSquaredError(prediction, Kernels.concatenateRows(targets), weights: batch.weights)
    }

    var configuration: String {
        let levels = settings.channels.count
        func repeated(_ name: String) -> String {
            Array(repeating: "\"\(name)\"", count: levels).joined(separator: ", ")
        }
        return """
            {
              "_class_name": "UNet3DConditionModel",
              "act_fn": "silu",
              "attention_head_dim": \(settings.headWidth),
              "block_out_channels": \(settings.channels),
              "cross_attention_dim": \(textWidth),
              "down_block_types": [\(repeated("CrossAttnDownBlock3D"))],
              "downsample_padding": 1,
              "in_channels": \(latentChannels),
              "layers_per_block": 1,
              "mid_block_scale_factor": 1,
              "norm_eps": 1e-05,
              "norm_num_groups": \(settings.groups),
              "out_channels": \(latentChannels),
              "sample_size": \(side),
              "up_block_types": [\(repeated("CrossAttnUpBlock3D"))]
            }

            """
    }

    var scheduler: String {
        """
        {
          "_class_name": "DDIMScheduler",
          "beta_end": \(settings.betaEnd),
          "beta_schedule": "scaled_linear",
          "beta_start": 0.00085,
          "clip_sample": false,
          "num_train_timesteps": 1000,
          "prediction_type": "v_prediction",
          "set_alpha_to_one": false,
          "steps_offset": 0,
          "thresholding": false,
          "timestep_spacing": "trailing",
          "trained_betas": null
        }

        """
    }
}
