import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// One input of libFuzzer: a file of weights of either kind.
///
/// It is opened by its first bytes as any file is, and every
/// tensor that its header promises is read. Refusal is fine; a trap, an access outside the file, or a hang is a finding.
///
/// Compiled together with the sources of `Checkpoints` that read headers (see `run.sh`), so that everything is
/// instrumented and nothing else is.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCheckpoint(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    ftruncate(place, off_t(count))
    if let bytes, count > 0 { pwrite(place, bytes, count, 0) }
    guard let checkpoint = try? Checkpoint.open(URL(filePath: "/proc/self/fd/\(place)")) else { return 0 }
    var sum: UInt64 = 0
    for name in checkpoint.names {
        guard let entry = checkpoint.entry(name) else { fatalError("\(name) is listed and not there") }
        checkpoint.read(entry) { source in
            precondition(source.count == entry.count * entry.type.size, "\(name) has another length than its shape")
            for byte in source { sum &+= UInt64(byte) }
        }
    }
    return sum == .max ? 1 : 0
}

/// A file that is in memory alone.
private let place: CInt = {
    var name = Array("/dev/shm/motrans-fuzz-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    precondition(descriptor >= 0, "no file in memory")
    unlink(name)
    return descriptor
}()
