import Autograd
import Checkpoints
public import Foundation
import Layers
public import StageKit
import Tensors

/// What a training writes down so that it goes on to the same bytes: weights, both moments of AdamW, and the record of the
/// steps so far.
///
/// Random draws need nothing: each step has a generator of its own.
public enum TrainingCheckpoint {
    private static let state = "state.safetensors"
    private static let steps = "steps.json"

    /// Writes everything into a folder.
    ///
    /// Throws what the disk throws.
    public static func write(_ groups: [TrainedGroup], record: [TrainingRecord.Step], to folder: URL) throws {
        try write(groups, to: folder)
        try JSONFile.write(record, to: folder.appending(path: steps))
    }

    /// Writes weights and moments alone.
    ///
    /// Throws what the disk throws.
    public static func write(_ groups: [TrainedGroup], to folder: URL) throws {
        var tensors: [String: Tensor] = [:]
        for (index, group) in groups.enumerated() {
            for (name, list) in [
                ("weight", group.variables.map(\.value)), ("mean", group.state.means), ("square", group.state.squares),
            ] {
                for (number, tensor) in list.enumerated() { tensors["\(index).\(name).\(number)"] = tensor }
            }
        }
        let done = Dictionary(uniqueKeysWithValues: groups.enumerated().map { ("\($0)", "\($1.state.step)") })
        try SafetensorsFile.write(tensors, metadata: done, to: folder.appending(path: state))
    }

    /// Puts the groups where they were, and gives the record of the steps before.
    ///
    /// Throws `FormatError.malformed` when the file is of another training, with nothing changed.
    public static func read(_ folder: URL, into groups: inout [TrainedGroup]) throws -> [TrainingRecord.Step] {
        let record = try JSONDecoder().decode(
            [TrainingRecord.Step].self, from: Data(contentsOf: folder.appending(path: steps)))
        try readGroups(folder, into: &groups)
        return record
    }

    /// Puts the groups where they were.
    ///
    /// Throws `FormatError.malformed` when the file is of another training, with nothing changed.
    public static func readGroups(_ folder: URL, into groups: inout [TrainedGroup]) throws {
        let file = try Checkpoint.open(folder.appending(path: state))
        func tensor(_ name: String, like shape: [Int]) throws -> Tensor {
            guard file.entry(name)?.shape == shape else {
                throw FormatError.malformed(file: state, why: "it has no \(name) of shape \(shape)")
            }
            return try file.tensor(name)
        }
        let restored = try groups.enumerated().map { index, group in
            guard let done = file.metadata["\(index)"].flatMap({ Int($0) }) else {
                throw FormatError.malformed(file: state, why: "it does not say how many steps group \(index) did")
            }
            func all(_ name: String) throws -> [Tensor] {
                try group.variables.enumerated().map {
                    try tensor("\(index).\(name).\($0)", like: $1.shape)
                }
            }
            return (
                weights: try all("weight"),
                state: AdamW.State(step: done, means: try all("mean"), squares: try all("square"))
            )
        }
        for (index, (weights, state)) in restored.enumerated() {
            for (variable, weight) in zip(groups[index].variables, weights) { variable.assign(weight) }
            groups[index].state = state
        }
    }
}

/// A training loop that is written down now and then.
public struct ResumableSteps {
    private let checkpoints: StageCheckpoints
    private let part: String
    private let total: Int
    private var kept = 0

    /// Steps of a part of a stage's work, `total` of them.
    public init(_ context: StageContext, part: String, total: Int) {
        checkpoints = context.checkpoints
        self.part = part
        self.total = total
    }

    /// Goes back to the furthest checkpoint, if there is one.
    ///
    /// - Returns: The record of the steps that are done.
    public mutating func restore(_ groups: inout [TrainedGroup]) throws -> [TrainingRecord.Step] {
        guard let checkpoint = try checkpoints.latest(part, total) else { return [] }
        let record = try TrainingCheckpoint.read(checkpoint.folder, into: &groups)
        guard record.count == checkpoint.done else {
            throw FormatError.malformed(
                file: "the checkpoint", why: "it is of \(checkpoint.done) steps and has a record of \(record.count)")
        }
        kept = checkpoint.done
        return record
    }

    /// Writes the training down after a step, when it is time.
    ///
    /// - Parameter record: of all steps so far.
    public mutating func keep(_ groups: [TrainedGroup], _ record: [TrainingRecord.Step]) throws {
        guard record.count > kept, checkpoints.isDue() else { return }
        try checkpoints.keep(part, record.count) { try TrainingCheckpoint.write(groups, record: record, to: $0) }
        kept = record.count
    }

    /// Writes down the end of a training that was long enough to be worth it, so that more steps go on from there.
    public mutating func end(_ groups: [TrainedGroup], _ record: [TrainingRecord.Step]) throws {
        guard kept > 0, record.count > kept else { return }
        try checkpoints.keep(part, record.count) { try TrainingCheckpoint.write(groups, record: record, to: $0) }
        kept = record.count
    }
}
