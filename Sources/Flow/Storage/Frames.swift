import Artifacts
import CZstd

#if canImport(Glibc)
    import Glibc
#endif

/// Writes one zstd frame, with its content size and a checksum.
struct FrameWriter: ~Copyable {
    private let context: OpaquePointer
    private let output: UnsafeMutableRawBufferPointer

    /// Bytes that are read and written at once; also what a sample of a file has at most.
    static let chunk = 1 << 20
    /// Below this the threads of zstd cost more than they save.
    private static let threaded = 8 << 20

    /// A frame for `size` bytes.
    ///
    /// What does not compress is stored nearly as it is, at the speed of memory.
    init(size: Int, compresses: Bool) {
        guard let context = ZSTD_createCCtx() else { preconditionFailure("no memory for a zstd context") }
        self.context = context
        output = .allocate(byteCount: Self.chunk, alignment: 16)
        // Negative levels only look for long repetitions and leave literals as they are.
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, compresses ? 3 : Int32(ZSTD_minCLevel()))
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        // With a worker, compression runs beside hashing. A library without threads refuses, which does no harm.
        if compresses, size >= Self.threaded { ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, 1) }
        ZSTD_CCtx_setPledgedSrcSize(context, UInt64(size))
    }

    deinit {
        ZSTD_freeCCtx(context)
        output.deallocate()
    }

    /// Adds plain bytes.
    mutating func write(_ bytes: UnsafeRawBufferPointer, to file: borrowing OpenFile) throws(StorageError) {
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        while input.pos < input.size { _ = try step(&input, ZSTD_e_continue, file) }
    }

    /// Ends the frame.
    consuming func finish(to file: borrowing OpenFile) throws(StorageError) {
        var input = ZSTD_inBuffer(src: nil, size: 0, pos: 0)
        while try step(&input, ZSTD_e_end, file) > 0 {}
    }

    private func step(
        _ input: inout ZSTD_inBuffer, _ mode: ZSTD_EndDirective, _ file: borrowing OpenFile
    ) throws(StorageError) -> Int {
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = ZSTD_compressStream2(context, &target, &input, mode)
        // Fails only when the number of bytes is not the one that was pledged: the file was written meanwhile.
        guard ZSTD_isError(left) == 0 else { throw .changedWhileReading(path: file.path) }
        if target.pos > 0 {
            try file.write(UnsafeRawBufferPointer(rebasing: output[..<target.pos]))
        }
        return left
    }

    /// Whether samples of bytes compress enough to be worth the time.
    static func pays(_ sample: UnsafeRawBufferPointer) -> Bool {
        guard sample.count >= 128 else { return true }
        let bound = ZSTD_compressBound(sample.count)
        return withUnsafeTemporaryAllocation(byteCount: bound, alignment: 16) { buffer in
            let size = ZSTD_compress(buffer.baseAddress, bound, sample.baseAddress, sample.count, 1)
            return ZSTD_isError(size) == 0 && Double(size) < 0.9 * Double(sample.count)
        }
    }
}

/// Reads one zstd frame and hands out its plain bytes, trusting nothing in it.
struct FrameReader: ~Copyable {
    /// What is wrong with a frame.
    struct Damage: Error {
        let reason: String
    }

    private let context: OpaquePointer
    private let input: UnsafeMutableRawBufferPointer
    private let output: UnsafeMutableRawBufferPointer

    init() {
        guard let context = ZSTD_createDCtx() else { preconditionFailure("no memory for a zstd context") }
        self.context = context
        input = .allocate(byteCount: FrameWriter.chunk / 2, alignment: 16)
        output = .allocate(byteCount: FrameWriter.chunk, alignment: 16)
    }

    deinit {
        ZSTD_freeDCtx(context)
        input.deallocate()
        output.deallocate()
    }

    /// The number of plain bytes that a frame declares; nil when it is no frame or declares none.
    static func contentSize(_ file: borrowing OpenFile) throws(StorageError) -> Int? {
        let head = UnsafeMutableRawBufferPointer.allocate(byteCount: 18, alignment: 1)
        defer { head.deallocate() }
        let size = ZSTD_getFrameContentSize(head.baseAddress, try file.read(at: 0, into: head))
        // The two largest values stand for "unknown" and "error".
        return size > UInt64(Int.max) ? nil : Int(size)
    }

    /// Decompresses a file that must hold exactly one frame of `size` bytes.
    ///
    /// - Throws: `Damage` when it does not, or when the digest of the bytes is not `digest`; otherwise what `sink` throws.
    mutating func decode(
        _ file: borrowing OpenFile, size: Int, digest: Digest, sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var hasher = Digest.Hasher()
        var produced = 0
        var isComplete = false
        while true {
            let count: Int
            do throws(StorageError) {
                count = try file.read(into: input)
            } catch {
                guard case .system(_, _, EIO) = error else { throw error }
                throw Damage(reason: "the disk cannot read it (\(String(cString: strerror(EIO))))")
            }
            if count == 0 { break }
            guard !isComplete else { throw Damage(reason: "there are bytes after the end of the frame") }
            var source = ZSTD_inBuffer(src: input.baseAddress, size: count, pos: 0)
            var isDrained = true
            while source.pos < source.size || !isDrained {
                guard !isComplete else { throw Damage(reason: "there are bytes after the end of the frame") }
                var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                let left = ZSTD_decompressStream(context, &target, &source)
                guard ZSTD_isError(left) == 0 else {
                    throw Damage(reason: "zstd says: \(String(cString: ZSTD_getErrorName(left)))")
                }
                produced += target.pos
                guard produced <= size else { throw Damage(reason: "it has more than its \(size) bytes") }
                let bytes = UnsafeRawBufferPointer(rebasing: output[..<target.pos])
                hasher.update(bytes)
                try sink(bytes)
                isComplete = left == 0
                isDrained = isComplete || target.pos < target.size
            }
        }
        guard isComplete else { throw Damage(reason: "its frame ends too early") }
        guard produced == size else { throw Damage(reason: "it has \(produced) bytes and not \(size)") }
        let found = hasher.finish()
        guard found == digest else { throw Damage(reason: "the SHA-256 of its bytes is \(found)") }
    }
}
