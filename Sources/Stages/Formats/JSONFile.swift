import Artifacts
public import Foundation
public import StageKit

/// JSON files inside artifacts: sorted keys and two-space indentation, so that equal values are equal bytes.
public enum JSONFile {
    /// Writes a value.
    ///
    /// Throws what the disk throws.
    public static func write(_ value: some Encodable, to url: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        var data = try encoder.encode(value)
        data.append(0x0A)
        try data.write(to: url)
    }

    /// Reads a file of an artifact.
    ///
    /// Throws `FormatError` when it is missing or amiss.
    public static func read<T: Decodable>(_ type: T.Type, _ path: String, of artifact: InputArtifact) throws -> T {
        guard let url = artifact.files[path] else {
            throw FormatError.missingFile(file: path, kind: artifact.kind.name)
        }
        do {
            return try JSONDecoder().decode(type, from: Data(contentsOf: url))
        } catch let error as DecodingError {
            throw FormatError.malformed(file: path, why: "\(error)")
        }
    }
}
