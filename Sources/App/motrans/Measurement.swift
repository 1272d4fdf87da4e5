/// Wall times of the repetitions of one piece of work, in seconds.
struct Timings {
    /// In the order in which they were taken.
    private(set) var seconds: [Double] = []

    var minimum: Double { seconds.min() ?? 0 }
    var maximum: Double { seconds.max() ?? 0 }

    /// The middle one, or the mean of the two in the middle.
    var median: Double {
        guard !seconds.isEmpty else { return 0 }
        let sorted = seconds.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    mutating func add(_ time: Duration) {
        seconds.append(Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18)
    }

    /// Runs `body` and adds how long it took.
    mutating func measure<R>(_ body: () throws -> R) rethrows -> R {
        let start = ContinuousClock.now
        let result = try body()
        add(ContinuousClock.now - start)
        return result
    }
}

/// What is measured.
enum BenchWorkload: String, CaseIterable, Sendable {
    /// One forward pass.
    case forward
    /// One forward pass of a video under two texts.
    case guidedStep = "guided-step"
    /// Forward, backward and optimiser step of a LoRA.
    case trainingStep = "training-step"
    /// DDIM steps with guidance.
    case sampling
}

/// What was measured of one workload on one model.
struct Measurement {
    /// The facts of a training step.
    struct Training {
        /// How many numbers the LoRA holds.
        let parameters: Int
        /// Of the first step, before any update.
        let loss: Double
        /// Of all gradients of the first step together.
        let gradientNorm: Double
        /// What each part of a step took.
        let phases: [(name: String, timings: Timings)]
    }

    /// A folder, or the name of a built-in size.
    let model: String
    let modelClass: String
    let parameters: Int
    let workload: BenchWorkload
    let timings: Timings
    /// Operations of one repetition as the reference does them, in units of 10⁹; nil where they are not known.
    var gigaflop: Double?
    /// The largest resident memory from the end of loading on, in bytes.
    let peakRunning: Int
    /// The same since the process began, loading included.
    let peak: Int
    var training: Training?
}
