public import StageKit

/// How a clip's latents come from the autoencoder: once, before training.
public enum LatentSetting: String, SettingChoice {
    /// A draw from the posterior, as MotionDirector and Tune-A-Video take.
    case sample
    /// The posterior's mean.
    case mode
}
