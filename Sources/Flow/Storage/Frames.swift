import Artifacts
import CZstd

#if canImport(Glibc)
    import Glibc
#endif

/// Writes one zstd frame, with its content size and a checksum.
struct FrameWriter: ~Copyable {
    private let context: OpaquePointer
    private let output: UnsafeMutableRawBufferPointer
    private let layout: FrameLayout
    /// Of a layout that shuffles: the bytes of the block that is not full yet, and room for what becomes of them.
    private let block: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var hasBegun = false
    /// Bytes that the disk was not yet asked to take.
    private var unstarted = 0

    /// Bytes that are read and written at once; also what a sample of a file has at most.
    static let chunk = FrameLayout.block
    /// The disk takes so many at once while the next ones are read: else all of them wait for the end.
    private static let ahead = 32 << 20
    /// Below this the threads of zstd cost more than they save.
    private static let threaded = 8 << 20

    /// A frame for `size` bytes.
    init(size: Int, _ layout: FrameLayout) {
        guard let context = ZSTD_createCCtx() else { preconditionFailure("no memory for a zstd context") }
        self.context = context
        self.layout = layout
        block = .allocate(byteCount: layout.width == nil ? 0 : 2 * min(FrameLayout.block, size), alignment: 16)
        output = .allocate(byteCount: Self.chunk, alignment: 16)
        layout.prepare(context)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        // With a worker, compression runs beside hashing. A library without threads refuses, which does no harm.
        if layout != .stored, size >= Self.threaded { ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, 1) }
        ZSTD_CCtx_setPledgedSrcSize(context, UInt64(size))
    }

    deinit {
        ZSTD_freeCCtx(context)
        output.deallocate()
        block.deallocate()
    }

    /// Adds plain bytes.
    mutating func write(_ bytes: UnsafeRawBufferPointer, to file: borrowing OpenFile) throws(StorageError) {
        if !hasBegun {
            try layout.head.withUnsafeBufferPointer { (head) throws(StorageError) in
                try file.write(UnsafeRawBufferPointer(head))
            }
            hasBegun = true
        }
        guard layout.width != nil else { return try compress(bytes, to: file) }
        var rest = bytes
        while !rest.isEmpty {
            // A file that grew while it was read has more than was said: zstd refuses what is too much.
            if filled == block.count / 2 { try compressFilled(to: file) }
            if filled == 0, rest.count >= FrameLayout.block, block.count == 2 * FrameLayout.block {
                try compressBlock(UnsafeRawBufferPointer(rebasing: rest.prefix(FrameLayout.block)), to: file)
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(FrameLayout.block))
                continue
            }
            let count = min(block.count / 2 - filled, rest.count)
            UnsafeMutableRawBufferPointer(rebasing: block[filled..<filled + count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
            filled += count
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }

    private mutating func compressFilled(to file: borrowing OpenFile) throws(StorageError) {
        guard filled > 0 else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: block[..<filled])
        filled = 0
        try compressBlock(bytes, to: file)
    }

    private mutating func compressBlock(_ bytes: UnsafeRawBufferPointer, to file: borrowing OpenFile)
        throws(StorageError)
    {
        guard let width = layout.width else { return }
        let half = block.count / 2
        let shuffled = UnsafeMutableRawBufferPointer(rebasing: block[half..<half + bytes.count])
        ByteShuffle.shuffle(bytes, width, into: shuffled)
        if bytes.count == FrameLayout.block { return try compress(UnsafeRawBufferPointer(shuffled), to: file) }
        // zstd finds out for 128 KiB at once how its bytes are distributed: of smaller planes it must be told the ends.
        for plane in FrameLayout.planes(of: UnsafeRawBufferPointer(shuffled), width) {
            try compress(plane, to: file)
            var nothing = ZSTD_inBuffer(src: nil, size: 0, pos: 0)
            while try step(&nothing, ZSTD_e_flush, file) > 0 {}
        }
    }

    private mutating func compress(_ bytes: UnsafeRawBufferPointer, to file: borrowing OpenFile) throws(StorageError) {
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        while input.pos < input.size { _ = try step(&input, ZSTD_e_continue, file) }
    }

    /// Ends the frame.
    consuming func finish(to file: borrowing OpenFile) throws(StorageError) {
        try compressFilled(to: file)
        var input = ZSTD_inBuffer(src: nil, size: 0, pos: 0)
        while try step(&input, ZSTD_e_end, file) > 0 {}
    }

    private mutating func step(
        _ input: inout ZSTD_inBuffer, _ mode: ZSTD_EndDirective, _ file: borrowing OpenFile
    ) throws(StorageError) -> Int {
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = ZSTD_compressStream2(context, &target, &input, mode)
        // Fails only when the number of bytes is not the one that was pledged: the file was written meanwhile.
        guard ZSTD_isError(left) == 0 else { throw .changedWhileReading(path: file.path) }
        if target.pos > 0 {
            try file.write(UnsafeRawBufferPointer(rebasing: output[..<target.pos]))
            unstarted += target.pos
            // What is compressed keeps the processors busy, which would have to do this as well.
            if layout == .stored, unstarted >= Self.ahead {
                file.startSynchronising()
                unstarted = 0
            }
        }
        return left
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
    /// What comes out of zstd when it is shuffled; memory that is not touched costs next to nothing.
    private let shuffled: UnsafeMutableRawBufferPointer
    /// Plain bytes: one block is hashed while the next is read.
    private let pieces: UnsafeMutableRawBufferPointer

    init() {
        guard let context = ZSTD_createDCtx() else { preconditionFailure("no memory for a zstd context") }
        self.context = context
        input = .allocate(byteCount: FrameLayout.block / 2, alignment: 16)
        shuffled = .allocate(byteCount: FrameLayout.block, alignment: 16)
        pieces = .allocate(byteCount: BackgroundDigest.pieces * FrameLayout.block, alignment: 16)
    }

    deinit {
        ZSTD_freeDCtx(context)
        input.deallocate()
        shuffled.deallocate()
        pieces.deallocate()
    }

    /// The number of plain bytes that a frame declares; nil when it is no frame or declares none.
    static func contentSize(_ file: borrowing OpenFile) throws(StorageError) -> Int? {
        let head = UnsafeMutableRawBufferPointer.allocate(byteCount: FrameLayout.headSize + 18, alignment: 1)
        defer { head.deallocate() }
        var bytes = UnsafeRawBufferPointer(rebasing: head[..<(try file.read(at: 0, into: head))])
        if FrameLayout(head: bytes.prefix(FrameLayout.headSize)) != nil {
            bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(FrameLayout.headSize))
        }
        let size = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
        // The two largest values stand for "unknown" and "error".
        return size > UInt64(Int.max) ? nil : Int(size)
    }

    /// Decompresses a file that must hold exactly one frame of `size` bytes.
    ///
    /// - Throws: `Damage` when it does not, or when the digest of the bytes is not `digest`; otherwise what `sink` throws.
    mutating func decode(
        _ file: borrowing OpenFile, size: Int, digest: Digest, sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let hasher = BackgroundDigest(size: size)
        // Before the memory goes.
        defer { hasher.wait() }
        var produced = 0
        var filled = 0
        var isComplete = false
        var isFirst = true
        var layout: FrameLayout?
        hasher.makeRoom()
        var piece = UnsafeMutableRawBufferPointer(rebasing: pieces[..<FrameLayout.block])
        while true {
            var count = 0
            do throws(StorageError) {
                // The head at once, however little a file system gives.
                repeat {
                    let more = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: input[count...]))
                    count += more
                    if more == 0 { break }
                } while isFirst && count < FrameLayout.headSize
            } catch {
                guard case .system(_, _, EIO) = error else { throw error }
                throw Damage(reason: "the disk cannot read it (\(String(cString: strerror(EIO))))")
            }
            if count == 0 { break }
            var source = ZSTD_inBuffer(src: input.baseAddress, size: count, pos: 0)
            if isFirst {
                layout = FrameLayout(head: input.prefix(min(count, FrameLayout.headSize)))
                source.pos = layout == nil ? 0 : FrameLayout.headSize
                isFirst = false
            }
            var isDrained = true
            while source.pos < source.size || !isDrained {
                guard !isComplete else { throw Damage(reason: "there are bytes after the end of the frame") }
                let output = layout == nil ? piece : shuffled
                var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: filled)
                let left = ZSTD_decompressStream(context, &target, &source)
                guard ZSTD_isError(left) == 0 else {
                    throw Damage(reason: "zstd says: \(String(cString: ZSTD_getErrorName(left)))")
                }
                produced += target.pos - filled
                guard produced <= size else { throw Damage(reason: "it has more than its \(size) bytes") }
                filled = target.pos
                isComplete = left == 0
                isDrained = isComplete || filled < output.count
                // Whole blocks: what was shuffled together is put together again.
                guard isComplete || !isDrained else { continue }
                if let width = layout?.width {
                    ByteShuffle.unshuffle(UnsafeRawBufferPointer(rebasing: output[..<filled]), width, into: piece)
                }
                let bytes = UnsafeRawBufferPointer(rebasing: piece[..<filled])
                hasher.add(bytes)
                try sink(bytes)
                filled = 0
                guard !isComplete else { continue }
                hasher.makeRoom()
                let isLast = piece.baseAddress != pieces.baseAddress
                piece = UnsafeMutableRawBufferPointer(
                    rebasing: isLast ? pieces[..<FrameLayout.block] : pieces[FrameLayout.block...])
            }
        }
        guard isComplete else { throw Damage(reason: "its frame ends too early") }
        guard produced == size else { throw Damage(reason: "it has \(produced) bytes and not \(size)") }
        let found = hasher.finish()
        guard found == digest else { throw Damage(reason: "the SHA-256 of its bytes is \(found)") }
    }
}
