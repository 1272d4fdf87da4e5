import CZstd

/// How plain bytes are written into a frame.
enum FrameLayout: Hashable {
    /// Nearly as they are, at the speed of memory: what does not compress.
    case stored
    case compressed
    /// The first bytes of all numbers of a block, then their second ones, and so on, compressed.
    ///
    /// The exponents of floats are much alike and their mantissas are not: apart from each other, the former compress.
    ///
    /// - `searches`: whether zstd looks for what repeats as well. In most floats nothing does, and how often each byte
    ///   occurs is all that compresses them, in a third of the time.
    case shuffled(width: Int, searches: Bool)

    /// Bytes that are shuffled together, and at most written at once.
    static let block = 1 << 20

    var width: Int? { if case .shuffled(let width, _) = self { width } else { nil } }

    /// The level at which zstd writes it; negative ones look for long repetitions only.
    var level: Int32 {
        switch self {
        case .stored, .shuffled(_, searches: false): ZSTD_minCLevel()
        case .compressed: 3
        // What a higher one looks for is not in floats.
        case .shuffled(_, searches: true): 1
        }
    }

    /// Has zstd write a frame of this layout.
    func prepare(_ context: OpaquePointer) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        // ZSTD_c_literalCompressionMode: what does not repeat is encoded by its frequencies at the lowest level too. A
        // library that refuses does no harm.
        if width != nil { ZSTD_CCtx_setParameter(context, ZSTD_c_experimentalParam5, 1) }
    }

    /// Says in front of the frame that it is shuffled, and how: a skippable frame, so that zstd reads the file as well.
    static let headSize = 16

    private static let mark = Array("shuffle".utf8)

    /// What goes in front of the frame.
    var head: [UInt8] {
        guard let width else { return [] }
        // The magic number of skippable frames and the size of what follows, from the lowest byte on.
        return [0x50, 0x2A, 0x4D, 0x18, 8, 0, 0, 0] + Self.mark + [UInt8(width)]
    }

    /// The layout that a head names; nil when it is none.
    init?(head: some Sequence<UInt8>) {
        for width in Self.widths {
            self = .shuffled(width: width, searches: true)
            if head.elementsEqual(self.head) { return }
        }
        return nil
    }

    /// Of floats and of half floats.
    private static let widths = [4, 2]

    /// The one that is best for a sample of bytes, which begins where a number of theirs may begin.
    init(for sample: UnsafeRawBufferPointer) {
        self = .compressed
        guard sample.count >= 128 else { return }
        let room = UnsafeMutableRawBufferPointer.allocate(
            byteCount: ZSTD_compressBound(sample.count) + sample.count, alignment: 16)
        defer { room.deallocate() }
        guard let context = ZSTD_createCCtx() else { preconditionFailure("no memory for a zstd context") }
        defer { ZSTD_freeCCtx(context) }
        func share(of bytes: UnsafeRawBufferPointer, _ layout: FrameLayout) -> Double {
            ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
            layout.prepare(context)
            let size = ZSTD_compress2(
                context, room.baseAddress, room.count - sample.count, bytes.baseAddress, bytes.count)
            return (ZSTD_isError(size) == 0 ? Double(size) : Double(bytes.count)) / Double(sample.count)
        }
        var best = share(of: sample, .compressed)
        // Of little, little is saved.
        if sample.count >= 16 << 10 {
            let shuffled = UnsafeMutableRawBufferPointer(rebasing: room[(room.count - sample.count)...])
            let limit = 0.95 * best
            for width in Self.widths {
                ByteShuffle.shuffle(sample, width, into: shuffled)
                let planes = Self.planes(of: UnsafeRawBufferPointer(shuffled), width)
                func shuffledShare(_ layout: FrameLayout) -> Double { planes.reduce(0) { $0 + share(of: $1, layout) } }
                let own = shuffledShare(.shuffled(width: width, searches: true))
                guard own < min(best, limit) else { continue }
                best = own
                let quick = shuffledShare(.shuffled(width: width, searches: false))
                self = .shuffled(width: width, searches: quick > 1.02 * own)
            }
        }
        if best >= 0.9 { self = .stored }
    }

    /// The parts of a block that was shuffled; the last has what is left over as well.
    static func planes(of block: UnsafeRawBufferPointer, _ width: Int) -> [UnsafeRawBufferPointer] {
        let size = block.count / width
        return (0..<width).map { byte in
            UnsafeRawBufferPointer(rebasing: block[byte * size..<(byte == width - 1 ? block.count : (byte + 1) * size)])
        }
    }
}

/// Takes the bytes of numbers apart, and puts them together.
enum ByteShuffle {
    /// All first bytes, then all second ones; what is left over at the end stays as it is.
    static func shuffle(_ source: UnsafeRawBufferPointer, _ width: Int, into target: UnsafeMutableRawBufferPointer) {
        guard let (old, new, count) = begin(source, width, target) else { return }
        // A whole number is loaded at once: the compiler makes vectors of that, and none of single bytes far apart.
        switch width {
        case 4:
            for index in 0..<count {
                let number = UInt32(littleEndian: old.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self))
                new[index] = UInt8(truncatingIfNeeded: number)
                new[count &+ index] = UInt8(truncatingIfNeeded: number &>> 8)
                new[2 &* count &+ index] = UInt8(truncatingIfNeeded: number &>> 16)
                new[3 &* count &+ index] = UInt8(truncatingIfNeeded: number &>> 24)
            }
        case 2:
            for index in 0..<count {
                let number = UInt16(littleEndian: old.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self))
                new[index] = UInt8(truncatingIfNeeded: number)
                new[count &+ index] = UInt8(truncatingIfNeeded: number &>> 8)
            }
        default: preconditionFailure("no numbers have \(width) bytes")
        }
    }

    /// The way back.
    static func unshuffle(_ source: UnsafeRawBufferPointer, _ width: Int, into target: UnsafeMutableRawBufferPointer) {
        guard let (old, new, count) = begin(source, width, target) else { return }
        func byte(_ plane: Int, _ index: Int) -> UInt8 {
            old.load(fromByteOffset: plane &* count &+ index, as: UInt8.self)
        }
        switch width {
        case 4:
            for index in 0..<count {
                let low = UInt32(byte(0, index)) | UInt32(byte(1, index)) &<< 8
                let number = low | UInt32(byte(2, index)) &<< 16 | UInt32(byte(3, index)) &<< 24
                UnsafeMutableRawPointer(new).storeBytes(
                    of: number.littleEndian, toByteOffset: index &* 4, as: UInt32.self)
            }
        case 2:
            for index in 0..<count {
                let number = UInt16(byte(0, index)) | UInt16(byte(1, index)) &<< 8
                UnsafeMutableRawPointer(new).storeBytes(
                    of: number.littleEndian, toByteOffset: index &* 2, as: UInt16.self)
            }
        default: preconditionFailure("no numbers have \(width) bytes")
        }
    }

    /// Copies what is left over; nil when there is nothing.
    private static func begin(
        _ source: UnsafeRawBufferPointer, _ width: Int, _ target: UnsafeMutableRawBufferPointer
    ) -> (UnsafeRawPointer, UnsafeMutablePointer<UInt8>, count: Int)? {
        precondition(source.count <= target.count, "there is no room for \(source.count) bytes")
        guard let old = source.baseAddress, let new = target.baseAddress else { return nil }
        let count = source.count / width
        let whole = count * width
        (new + whole).copyMemory(from: old + whole, byteCount: source.count - whole)
        return (old, new.assumingMemoryBound(to: UInt8.self), count)
    }
}
