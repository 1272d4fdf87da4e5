import Checkpoints
import Formats
import Foundation
import Layers
import StageKit
import Tensors

/// What a training from nothing writes down, beside weights and moments: the averages, the curve, what previews have put
/// into the outputs so far, and what the stage itself remembers of them.
struct PretrainingCheckpoint {
    private static let averages = "averages.safetensors"
    private static let curve = "curve.plist"
    private static let memory = "memory"
    private static let outputs = "outputs"

    let folder: URL

    func write(
        _ groups: [TrainedGroup], _ average: MovingAverage, _ curve: LossCurve, memory: Data,
        outputs: [String: OutputFolder]
    ) throws {
        try TrainingCheckpoint.write(groups, to: folder)
        let tensors = average.values.enumerated().map { ("\($0)", $1) }
        try SafetensorsFile.write(
            Dictionary(uniqueKeysWithValues: tensors), metadata: ["step": "\(average.step)"],
            to: folder.appending(path: Self.averages))
        // A property list, as a reading may be a number that JSON cannot hold.
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        try encoder.encode(curve).write(to: folder.appending(path: Self.curve))
        try memory.write(to: folder.appending(path: Self.memory))
        for (port, output) in outputs {
            let place = folder.appending(path: "\(Self.outputs)/\(port)")
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(at: output.url, to: place)
        }
    }

    /// Puts everything back; gives the curve and the stage's memory.
    func read(
        into groups: inout [TrainedGroup], _ average: inout MovingAverage, outputs: [String: OutputFolder]
    ) throws -> (curve: LossCurve, memory: Data) {
        let file = try Checkpoint.open(folder.appending(path: Self.averages))
        guard let step = file.metadata["step"].flatMap({ Int($0) }),
            average.values.enumerated().allSatisfy({ file.entry("\($0)")?.shape == $1.shape })
        else { throw FormatError.malformed(file: Self.averages, why: "it is of another training") }
        let values = try average.values.indices.map { try file.tensor("\($0)") }
        let curve = try PropertyListDecoder().decode(
            LossCurve.self, from: Data(contentsOf: folder.appending(path: Self.curve)))
        let memory = try Data(contentsOf: folder.appending(path: Self.memory))
        try TrainingCheckpoint.readGroups(folder, into: &groups)
        average = MovingAverage(values: values, step: step, decay: average.decay)
        for (port, output) in outputs { try restore(port, to: output.url) }
        return (curve, memory)
    }

    /// Copies what is not there: what the stage wrote before its training is the same.
    private func restore(_ port: String, to folder: URL) throws {
        let from = self.folder.appending(path: "\(Self.outputs)/\(port)")
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: from.path(percentEncoded: false))) ?? []
        for name in files.sorted() {
            let (source, target) = (from.appending(path: name), folder.appending(path: name))
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: source.path(percentEncoded: false), isDirectory: &isFolder),
                !FileManager.default.fileExists(atPath: target.path(percentEncoded: false))
            else { continue }
            if isFolder.boolValue {
                try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
            } else {
                try Data(contentsOf: source).write(to: target)
            }
        }
    }
}
