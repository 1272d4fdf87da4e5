import Artifacts
import Foundation
import Storage
import Testing

@Suite struct SystemErrorTests {
    @Test("a failed call says what, where, why and what to do")
    func sentences() {
        #expect(
            StorageError.system(operation: "write", path: "cache/tmp/x", errno: ENOSPC).description
                == "could not write cache/tmp/x: No space left on device; free some space (`motrans gc`) and run again")
        #expect(
            StorageError.system(operation: "open", path: "a", errno: EACCES).description
                == "could not open a: Permission denied; check the owner and the permissions")
        #expect(
            StorageError.missing(Digest(of: "")).description
                == "the store has no object e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test("a store cannot be made where a file stands")
    func notAFolder() throws {
        let temporary = try TemporaryFolder()
        _ = try temporary.folder(".", ["cache": Data()])
        #expect(throws: StorageError.self) { try temporary.store() }
    }

    @Test("a write beyond the file size limit is an error, and leaves nothing")
    func fileSizeLimit() async throws {
        let temporary = try TemporaryFolder()
        let path = temporary.url.path(percentEncoded: false)
        await #expect(processExitsWith: .success) { [path = path as String] in
            let store = try ObjectStore(at: URL(filePath: path).appending(path: "cache"))
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
            #expect(setrlimit(__rlimit_resource_t(UInt32(RLIMIT_FSIZE.rawValue)), &limit) == 0)
            var noise = Data(count: 1_000_000)
            var state: UInt64 = 1
            for index in noise.indices {
                state = state &* 6_364_136_223_846_793_005 &+ 1
                noise[index] = UInt8(truncatingIfNeeded: state >> 56)
            }
            var failure: StorageError?
            do throws(StorageError) {
                var batch = store.batch()
                _ = try batch.add(noise)
                try batch.commit()
            } catch {
                failure = error
            }
            guard case .system("write", _, EFBIG) = failure else { exit(1) }
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(path)/cache/tmp")
            exit(left.isEmpty ? 0 : 2)
        }
    }
}
