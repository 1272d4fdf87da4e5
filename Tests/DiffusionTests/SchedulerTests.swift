import Diffusion
import Foundation
import Layers
import Tensors
import Testing

/// diffusion.md 5.1, 5.2, 12.4; the cases that it does not list were computed with diffusers 0.42.1.
@Suite struct SchedulerTests {
    private let sample = ReferenceFill.input("lat", [1, 4, 2, 2, 2])
    private let output = ReferenceFill.input("eps", [1, 4, 2, 2, 2])

    private func scheduler(_ change: (inout SchedulerConfig) -> Void = { _ in }) -> DDIMScheduler {
        var config = SchedulerConfig.zeroScope
        change(&config)
        return DDIMScheduler(config)
    }

    private func expect(
        _ values: [Float], _ expected: [(Int, Float)], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for (index, value) in expected {
            #expect(
                abs(values[index] - value) <= 1e-5 * max(value, 1e-6), "[\(index)] is \(values[index]), not \(value)",
                sourceLocation: sourceLocation)
        }
    }

    @Test func `ZeroScope's betas and their products are those of the reference`() {
        let schedule = NoiseSchedule(.zeroScope)
        expect(schedule.betas, [(0, 0.000849999953), (1, 0.000854698592), (499, 0.00480379257), (999, 0.0119999992)])
        expect(
            schedule.cumulativeAlphas,
            [
                (0, 0.999149978), (1, 0.998296022), (100, 0.894223154), (500, 0.276332468), (998, 0.00471669575),
                (999, 0.00466009509), (958, 0.007534768), (925, 0.01086012), (34, 0.9678813),
            ])
    }

    @Test func `the other beta schedules are those of the reference`() {
        expect(
            scheduler { $0.betaSchedule = .linear }.schedule.cumulativeAlphas,
            [(0, 0.999149978), (1, 0.998289526), (100, 0.867344201), (500, 0.160771623), (999, 0.00157896278)])
        expect(
            scheduler { $0.betaSchedule = .squaredCosine }.schedule.cumulativeAlphas,
            [(0, 0.999958694), (1, 0.99991256), (100, 0.971575618), (500, 0.492285043)])
        let rescaled = scheduler {
            $0.rescalesToZeroSNR = true
            $0.prediction = .velocity
        }.schedule.cumulativeAlphas
        for (index, value) in [(0, 0.999149978), (1, 0.998233497), (100, 0.886761069), (500, 0.241018638), (999, 0)] {
            #expect(abs(Double(rescaled[index]) - value) < 2e-5)
        }
    }

    @Test func `timesteps of every spacing`() throws {
        let thirty = try scheduler().timesteps(30)
        #expect(thirty.prefix(3) == [958, 925, 892] && thirty.suffix(2) == [34, 1] && thirty.count == 30)
        #expect(try scheduler().timesteps(50).prefix(2) == [981, 961])
        #expect(try scheduler().timesteps(7) == [853, 711, 569, 427, 285, 143, 1])
        #expect(try scheduler { $0.spacing = .linspace }.timesteps(7) == [999, 832, 666, 500, 333, 166, 0])
        #expect(try scheduler { $0.spacing = .trailing }.timesteps(7) == [999, 856, 713, 570, 428, 285, 142])
    }

    @Test func `impossible numbers of steps are refused`() {
        #expect(throws: DiffusionError.self) { try scheduler().timesteps(0) }
        #expect(throws: DiffusionError.self) { try scheduler().timesteps(1001) }
        // 1000 steps with an offset of 1 would visit timestep 1000 of 1000.
        #expect(throws: DiffusionError.self) { try scheduler().timesteps(1000) }
    }

    @Test func `steps of DDIM`() {
        Golden(0.317055, 1.28284, [0.739995, 2.07735, -2.11037, 1.33774, -0.825642, -0.663483])
            .expect(scheduler().step(sample, output: output, at: 958, steps: 30), tolerance: 1e-5)
        Golden(0.300513, 1.07927, [0.705231, 1.57716, -1.59843, 1.12597, -0.685411, -0.475586])
            .expect(scheduler().step(sample, output: output, at: 1, steps: 30), tolerance: 1e-5)
        let velocity = scheduler { $0.prediction = .velocity }
        Golden(0.29909, 1.07798, [0.701776, 1.58153, -1.603, 1.12493, -0.685102, -0.477967])
            .expect(velocity.step(sample, output: output, at: 958, steps: 30), tolerance: 1e-5)
        let clean = scheduler { $0.prediction = .sample }
        Golden(0.306797959, 1.08108612, [0.720624447, 1.5445199, -1.56455183, 1.12573504, -0.683473468, -0.459859371])
            .expect(clean.step(sample, output: output, at: 958, steps: 30), tolerance: 1e-5)
    }

    @Test func `clamping, thresholding, noise and a last alpha of one`() {
        Golden(
            0.238381761, 0.869092892, [0.6699332, -0.878618777, 0.918504894, 0.175876528, -0.0876078159, 0.389398664]
        )
        .expect(
            scheduler { $0.clipsSample = true }.step(sample, output: output, at: 958, steps: 30), tolerance: 1e-5)
        let thresholding = scheduler {
            $0.thresholds = true
            $0.thresholdMaximum = 2
        }
        Golden(
            0.238069638, 0.868533995, [0.652858377, -0.878618777, 0.918504894, 0.175876528, -0.0876078159, 0.389398664]
        )
        .expect(thresholding.step(sample, output: output, at: 958, steps: 30), tolerance: 1e-5)
        let noise = ReferenceFill.input("noise", [1, 4, 2, 2, 2])
        Golden(0.255254062, 1.31746855, [0.117910147, 2.17610717, -2.39083934, 1.0552274, -0.273174107, -0.25738278])
            .expect(
                scheduler().step(sample, output: output, at: 958, steps: 30, eta: 0.7, noise: noise), tolerance: 1e-5)
        Golden(0.293840458, 1.0763676, [0.688939571, 1.60665262, -1.62909818, 1.12434256, -0.686188996, -0.490264148])
            .expect(
                scheduler { $0.setsAlphaToOne = true }.step(sample, output: output, at: 1, steps: 30), tolerance: 1e-5)
    }

    @Test func `noising and velocity`() {
        let schedule = NoiseSchedule(.zeroScope)
        Golden(0.357719, 1.03118, [0.858078, -0.0182469, 0.0414446, 0.653395, -0.345839, 0.175477])
            .expect(schedule.noised(sample, with: output, at: 500), tolerance: 1e-5)
        Golden(-0.135385, 0.972828, [-0.306534, -1.85037, 1.88912, -0.9203, 0.591424, 0.660176])
            .expect(schedule.velocity(sample, with: output, at: 500), tolerance: 1e-5)
    }

    @Test func `a scheduler folder runs over recorded outputs`() throws {
        let estimates = ReferenceFill.input("estimates", [3, 1, 4, 2, 2, 2])
        let result = try scheduler().forward(["sample": sample, "noise_estimates": estimates])
        #expect(result["timesteps"]?.values == [667, 334, 1])
        let last = try #require(result["sample"])
        Golden(1.27544382, 3.89862605, [5.64117193, 2.59130955, -5.36947632, 1.62930548, 0.218572944, -1.07488286])
            .expect(last, tolerance: 1e-5)
        #expect(throws: DiffusionError.self) { try scheduler().forward(["sample": sample]) }
        #expect(throws: DiffusionError.self) {
            try scheduler().forward(["sample": sample, "noise_estimates": sample])
        }
    }

    @Test func `a file's fields are read, and what is not supported is named with what is`() throws {
        let text = """
            {"_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
             "clip_sample": false, "set_alpha_to_one": false, "steps_offset": 1, "skip_prk_steps": true,
             "trained_betas": null, "prediction_type": "epsilon", "num_train_timesteps": 1000}
            """
        #expect(try SchedulerConfig(json: Data(text.utf8)) == .zeroScope)
        #expect(try SchedulerConfig(json: Data("{}".utf8)) == SchedulerConfig())
        let wrong = [
            #"{"_class_name": "PNDMScheduler"}"#: "_class_name", #"{"beta_schedule": "sigmoid"}"#: "beta_schedule",
            #"{"prediction_type": "score"}"#: "prediction_type", #"{"timestep_spacing": "even"}"#: "timestep_spacing",
            #"{"trained_betas": [0.1]}"#: "trained_betas",
            #"{"rescale_betas_zero_snr": true}"#: "rescale_betas_zero_snr", #"{"beta_start": -1}"#: "beta_start",
            #"{"beta_end": 1}"#: "beta_end", #"{"num_train_timesteps": 1000000000000}"#: "num_train_timesteps",
            #"{"steps_offset": -9223372036854775808}"#: "steps_offset",
            #"{"dynamic_thresholding_ratio": 2}"#: "dynamic_thresholding_ratio",
            #"{"dynamic_thresholding_ratio": -0.1}"#: "dynamic_thresholding_ratio",
            #"{"sample_max_value": -1}"#: "sample_max_value", #"{"clip_sample_range": 0}"#: "clip_sample_range",
        ]
        for (json, field) in wrong {
            let error = #expect(throws: DiffusionError.self) { try SchedulerConfig(json: Data(json.utf8)) }
            #expect("\(try #require(error))".contains("scheduler_config.json: \(field) is"))
        }
    }
}
