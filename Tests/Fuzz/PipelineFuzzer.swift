import Foundation
import Pipelines

/// One input of libFuzzer: a pipeline file, read in a folder with clips, captions and a model.
///
/// It is planned as `motrans run` plans it, and its stages look at what is there. Any number of errors is fine; a trap,
/// a hang, or memory without bound is a finding, and so is an error that does not say where.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPipeline(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = bytes.map { Data(bytes: $0, count: count) } ?? Data()
    let told = place.errors(text)
    for line in told.split(separator: "\n") where line.contains(": error: ") && !line.hasPrefix(" ") {
        // A file, a file and a place, or a flag.
        precondition(line.contains(".yaml") || line.contains("metadata.jsonl"), "no file is named: \(line)")
    }
    return told.utf8.count == 1 ? 1 : 0
}

/// Made once; `pipelines.sh` removes it.
private let place: Workplace = {
    guard let made = try? Workplace() else { fatalError("no folder to work in") }
    return made
}()
