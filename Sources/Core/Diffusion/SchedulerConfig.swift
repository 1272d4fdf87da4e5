public import Foundation

/// `scheduler_config.json` of a diffusers folder; missing keys have the defaults of diffusers' DDIMScheduler.
public struct SchedulerConfig: Hashable, Sendable {
    /// How β grows over the training timesteps.
    public enum BetaSchedule: String, Sendable, CaseIterable {
        case linear
        case scaledLinear = "scaled_linear"
        case squaredCosine = "squaredcos_cap_v2"
    }

    /// What the network's output means.
    public enum Prediction: String, Sendable, CaseIterable {
        /// The noise ε.
        case epsilon
        /// The velocity √ᾱ·ε - √(1-ᾱ)·x₀.
        case velocity = "v_prediction"
        /// The clean sample x₀.
        case sample
    }

    /// Which of the training timesteps are visited at inference.
    public enum Spacing: String, Sendable, CaseIterable {
        case leading, linspace, trailing
    }

    /// Length of the training process.
    public var trainTimesteps = 1000
    /// First β.
    public var betaStart = 0.0001
    /// Last β.
    public var betaEnd = 0.02
    /// How β grows between them.
    public var betaSchedule = BetaSchedule.linear
    /// The βs themselves, instead of the three fields above.
    public var trainedBetas: [Double]?
    /// Whether the estimate of x₀ is clamped to ±`clipRange`.
    public var clipsSample = true
    /// See `clipsSample`.
    public var clipRange = 1.0
    /// ᾱ after the last step: 1, or ᾱ₀ when false.
    public var setsAlphaToOne = true
    /// Added to every timestep of leading spacing.
    public var stepsOffset = 0
    /// What the network's output means.
    public var prediction = Prediction.epsilon
    /// Whether the estimate of x₀ is clamped to a quantile of itself.
    public var thresholds = false
    /// The quantile.
    public var thresholdRatio = 0.995
    /// The largest value that thresholding leaves.
    public var thresholdMaximum = 1.0
    /// Which timesteps are visited.
    public var spacing = Spacing.leading
    /// Whether the schedule is rescaled so that ᾱ of the last timestep is 0.
    public var rescalesToZeroSNR = false

    /// The defaults of diffusers' DDIMScheduler.
    public init() {}

    /// ZeroScope's (diffusion.md 1.6).
    public static let zeroScope: SchedulerConfig = {
        var config = SchedulerConfig()
        config.betaStart = 0.00085
        config.betaEnd = 0.012
        config.betaSchedule = .scaledLinear
        config.clipsSample = false
        config.setsAlphaToOne = false
        config.stepsOffset = 1
        return config
    }()

    /// Reads `scheduler_config.json` in a folder.
    ///
    /// Throws `DiffusionError` for an unreadable file or unsupported values.
    public init(folder: URL) throws {
        let file = folder.appending(path: "scheduler_config.json")
        let data: Data
        do { data = try Data(contentsOf: file) } catch {
            throw DiffusionError.unreadable(file: file.path(percentEncoded: false), why: "there is no such file")
        }
        do { try self.init(json: data) } catch let error as DecodingError {
            throw DiffusionError.unreadable(file: file.path(percentEncoded: false), why: "\(error)")
        }
    }

    /// Reads the text of a `scheduler_config.json`.
    public init(json: Data) throws {
        let fields = try JSONDecoder().decode(Fields.self, from: json)
        if let name = fields._class_name, name != "DDIMScheduler" {
            throw DiffusionError.unsupportedScheduler(
                field: "_class_name", value: name,
                supported:
                    "a DDIMScheduler: DDIM reads the same fields, so a copy of the file with that class name will do")
        }
        trainTimesteps = fields.num_train_timesteps ?? trainTimesteps
        betaStart = fields.beta_start ?? betaStart
        betaEnd = fields.beta_end ?? betaEnd
        betaSchedule = try SchedulerConfig.choice("beta_schedule", fields.beta_schedule) ?? betaSchedule
        trainedBetas = fields.trained_betas
        clipsSample = fields.clip_sample ?? clipsSample
        clipRange = fields.clip_sample_range ?? clipRange
        setsAlphaToOne = fields.set_alpha_to_one ?? setsAlphaToOne
        stepsOffset = fields.steps_offset ?? stepsOffset
        prediction = try SchedulerConfig.choice("prediction_type", fields.prediction_type) ?? prediction
        thresholds = fields.thresholding ?? thresholds
        thresholdRatio = fields.dynamic_thresholding_ratio ?? thresholdRatio
        thresholdMaximum = fields.sample_max_value ?? thresholdMaximum
        spacing = try SchedulerConfig.choice("timestep_spacing", fields.timestep_spacing) ?? spacing
        rescalesToZeroSNR = fields.rescale_betas_zero_snr ?? rescalesToZeroSNR
        guard (1...1_000_000).contains(trainTimesteps) else {
            throw DiffusionError.unsupportedScheduler(
                field: "num_train_timesteps", value: "\(trainTimesteps)", supported: "a number from 1 to 1000000")
        }
        guard stepsOffset.magnitude <= trainTimesteps.magnitude else {
            throw DiffusionError.unsupportedScheduler(
                field: "steps_offset", value: "\(stepsOffset)", supported: "a small number such as 1")
        }
        for (field, beta) in [("beta_start", betaStart), ("beta_end", betaEnd)]
            + (trainedBetas ?? []).map({ ("trained_betas", $0) })
        where !(0..<1).contains(beta) {
            throw DiffusionError.unsupportedScheduler(
                field: field, value: "\(beta)", supported: "a share of noise from 0 to below 1")
        }
        guard (0...1).contains(thresholdRatio) else {
            throw DiffusionError.unsupportedScheduler(
                field: "dynamic_thresholding_ratio", value: "\(thresholdRatio)", supported: "a quantile from 0 to 1")
        }
        for (field, limit) in [("sample_max_value", thresholdMaximum), ("clip_sample_range", clipRange)]
        where !(limit > 0) {
            throw DiffusionError.unsupportedScheduler(
                field: field, value: "\(limit)", supported: "a number above 0")
        }
        if let count = trainedBetas?.count, count != trainTimesteps {
            throw DiffusionError.unsupportedScheduler(
                field: "trained_betas", value: "a list of \(count)",
                supported: "one per training timestep (\(trainTimesteps))")
        }
        guard !rescalesToZeroSNR || prediction != .epsilon else {
            throw DiffusionError.unsupportedScheduler(
                field: "rescale_betas_zero_snr", value: "true with prediction_type epsilon",
                supported: "v_prediction, since noise says nothing about a sample that is all noise")
        }
    }

    private static func choice<T: RawRepresentable<String> & CaseIterable>(
        _ field: String, _ value: String?
    ) throws -> T? {
        guard let value else { return nil }
        guard let known = T(rawValue: value) else {
            throw DiffusionError.unsupportedScheduler(
                field: field, value: value, supported: T.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return known
    }

    // Spelled as in the file.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Fields: Decodable {
        var _class_name: String?
        var num_train_timesteps: Int?
        var beta_start: Double?
        var beta_end: Double?
        var beta_schedule: String?
        var trained_betas: [Double]?
        var clip_sample: Bool?
        var clip_sample_range: Double?
        var set_alpha_to_one: Bool?
        var steps_offset: Int?
        var prediction_type: String?
        var thresholding: Bool?
        var dynamic_thresholding_ratio: Double?
        var sample_max_value: Double?
        var timestep_spacing: String?
        var rescale_betas_zero_snr: Bool?
    }
}
