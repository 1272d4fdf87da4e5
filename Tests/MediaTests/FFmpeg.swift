import Foundation

/// The ffmpeg program, which makes the odd files of these tests where it is installed.
enum FFmpeg {
    static let path: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/ffmpeg" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    struct Failure: Error { let arguments: [String] }

    /// Runs ffmpeg in a folder; file names are relative to it.
    static func run(_ arguments: String..., in folder: URL) throws {
        let process = Process()
        process.executableURL = URL(filePath: path ?? "ffmpeg")
        let split = arguments.flatMap { $0.split(separator: " ").map(String.init) }
        process.arguments = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y"] + split
        process.currentDirectoryURL = folder
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 { throw Failure(arguments: split) }
    }

    /// A picture with a red top left, a green top right, a blue bottom left and a white bottom right corner.
    static let corners =
        "-f lavfi -i color=red:s=64x48:r=8:d=2,drawbox=32:0:32:24:lime:fill,drawbox=0:24:32:24:blue:fill,"
        + "drawbox=32:24:32:24:white:fill"
    /// Two seconds of moving test picture, 24 frames a second.
    static let moving = "-f lavfi -i testsrc2=s=64x48:r=24:d=2"
}
