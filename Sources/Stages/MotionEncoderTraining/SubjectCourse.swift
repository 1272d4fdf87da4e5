import Foundation
import Tensors
import World

/// Where the subject of a video is, frame by frame, through all that is done to the video.
struct SubjectCourse: Equatable {
    /// Of the centre, as a fraction of the picture, from the left.
    private(set) var x: [Float]
    /// Of the centre, from the top.
    private(set) var y: [Float]
    /// Half of the size.
    private(set) var size: [Float]
    /// In radians, clockwise.
    private(set) var rotation: [Float]

    init(_ poses: [Pose]) {
        x = poses.map(\.x)
        y = poses.map(\.y)
        size = poses.map(\.size)
        rotation = poses.map(\.rotation)
    }

    /// Left and right exchanged; whatever turns then turns the other way.
    mutating func mirror() {
        x = x.map { 1 - $0 }
        turnOver()
    }

    /// Top and bottom exchanged.
    mutating func flip() {
        y = y.map { 1 - $0 }
        turnOver()
    }

    /// Rows and columns exchanged.
    mutating func transpose() {
        swap(&x, &y)
        turnOver()
    }

    /// From the last frame to the first.
    mutating func reverse() {
        x.reverse()
        y.reverse()
        size.reverse()
        rotation.reverse()
    }

    private mutating func turnOver() { rotation = rotation.map { -$0 } }
}

extension SubjectCourse {
    /// Cells in a row of the picture in which coverage is told.
    static let cells = 8
    /// Numbers of a trajectory.
    static let trajectoryLength = 5 * Scene.frames

    /// Cells of one token, in all frames that it covers, where a row of the picture has that many patches.
    static func cellsOfToken(patches: Int) -> Int {
        let across = max(1, cells / patches)
        return MotionEncoder.tubelet * across * across
    }

    /// How much of each cell the subject covers, were it a disc with soft edges: `tokens` rows of `cellsOfToken`.
    ///
    /// Tokens in the order time, row, column; within one, frame, row, column.
    func coverage(patches: Int, into target: UnsafeMutableBufferPointer<Float>, at start: Int) {
        let across = max(1, Self.cells / patches)
        let grid = patches * across
        var index = start
        for time in stride(from: 0, to: Scene.frames, by: MotionEncoder.tubelet) {
            for token in 0..<patches * patches {
                for frame in time..<time + MotionEncoder.tubelet {
                    for cell in 0..<across * across {
                        let column = token % patches * across + cell % across
                        let row = token / patches * across + cell / across
                        let dx = (Float(column) + 0.5) / Float(grid) - x[frame]
                        let dy = (Float(row) + 0.5) / Float(grid) - y[frame]
                        let inside = size[frame] - (dx * dx + dy * dy).squareRoot()
                        target[index] = 1 / (1 + exp(-inside / 0.03))
                        index += 1
                    }
                }
            }
        }
    }

    /// 4x - 2, 4y - 2 and 2 log(size / 0.18) of each frame.
    var positions: [Float] {
        x.indices.flatMap { [4 * x[$0] - 2, 4 * y[$0] - 2, 2 * log(size[$0] / 0.18)] }
    }

    /// What a motion is, wherever it is and whoever moves: 4(x - mean), 4(y - mean), 2(log size - mean), and sine and
    /// cosine of the turn since the first frame, each for all frames.
    var trajectory: [Float] {
        func centred(_ values: [Float], _ factor: Float) -> [Float] {
            let mean = values.reduce(0, +) / Float(values.count)
            return values.map { factor * ($0 - mean) }
        }
        let turns = rotation.map { $0 - rotation[0] }
        return centred(x, 4) + centred(y, 4) + centred(size.map { log($0) }, 2) + turns.map { sin($0) }
            + turns.map { cos($0) }
    }

    /// K = exp(-|T - T'|² / 8 / 0.5) of the rows of `trajectories` [n, 40]: `[n, n]`.
    static func likeness(_ trajectories: Tensor) -> Tensor {
        let (count, width) = (trajectories.shape[0], trajectories.shape[1])
        return Tensor([count, count]) { kernel in
            trajectories.read { t in
                for i in 0..<count {
                    for j in 0..<count {
                        var sum: Float = 0
                        for k in 0..<width {
                            let difference = t[i * width + k] - t[j * width + k]
                            sum += difference * difference
                        }
                        kernel[i * count + j] = exp(-sum / Float(Scene.frames) / 0.5)
                    }
                }
            }
        }
    }
}
