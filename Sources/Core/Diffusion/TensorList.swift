import Autograd
import Checkpoints
import Foundation
import Layers

/// A LoRA as MotionDirector saves it: a list of tensors without names, `[up₀, down₀, up₁, down₁, …]`, in the order in
/// which the network registers its layers (diffusion.md 6.2).
///
/// Which layers they are is told by their number and shapes.
struct TensorList {
    private let file: Checkpoint
    private let count: Int

    /// Nil when the tensors have names.
    init?(_ file: Checkpoint) {
        count = file.names.count
        guard count > 0, (0..<count).allSatisfy({ file.entry("\($0)") != nil }) else { return nil }
        self.file = file
    }

    /// Throws `DiffusionError.unreadable` for an odd list, `.foreignLoRA` when it fits no choice of layers.
    func lora(sites: [LinearSite]) throws -> LoRA {
        let path = file.location.path(percentEncoded: false)
        guard count % 2 == 0 else {
            throw DiffusionError.unreadable(file: path, why: "it is a list of \(count) tensors, not of pairs")
        }
        let choices = LoRATargets.allCases.map { (name: $0.rawValue, sites: $0.choose(sites)) }
        let possible = choices.filter { $0.sites.count == count / 2 }
        guard !possible.isEmpty else {
            let counts = choices.map { "\($0.sites.count) (\($0.name))" }.joined(separator: ", ")
            throw DiffusionError.foreignLoRA(
                file: path, mismatches: ["it is a list of \(count / 2) pairs where this network has \(counts)"],
                modules: count / 2)
        }
        var mismatches: [String] = []
        for choice in possible {
            mismatches = choice.sites.enumerated().compactMap { index, site in
                site.refuses(down: shape(2 * index + 1), up: shape(2 * index)).map { "\(site.path) \($0)" }
            }
            guard mismatches.isEmpty else { continue }
            return LoRA(
                try choice.sites.enumerated().map { index, site in
                    LoRA.Factors(
                        site: site, down: Variable(try file.tensor("\(2 * index + 1)")),
                        up: Variable(try file.tensor("\(2 * index)")))
                })
        }
        throw DiffusionError.foreignLoRA(file: path, mismatches: mismatches, modules: count / 2)
    }

    private func shape(_ index: Int) -> [Int] { file.entry("\(index)")?.shape ?? [] }
}
