/// An array of float32 numbers with a shape, contiguous and row-major; a value, copied on write.
public struct Tensor: Sendable {
    /// Lengths of the axes, outermost first; empty for a scalar.
    public let shape: [Int]
    var storage: Storage

    /// Uninitialised memory: the kernel that asks for it fills all of it before anybody reads.
    init(uninitialised shape: [Int]) {
        self.shape = shape
        storage = Storage(count: Tensor.count(of: shape))
    }

    init(shape: [Int], storage: Storage) {
        self.shape = shape
        self.storage = storage
    }

    /// A tensor of the given values in row-major order.
    public init(_ shape: [Int], _ values: [Float]) {
        self.init(uninitialised: shape)
        precondition(values.count == storage.count, "\(values.count) values for a tensor of shape \(shape)")
        values.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { storage.base.update(from: start, count: source.count) }
        }
    }

    /// A tensor of zeros.
    public init(zeros shape: [Int]) { self.init(shape, repeating: 0) }

    /// A tensor of one value.
    public init(_ shape: [Int], repeating value: Float) {
        self.init(uninitialised: shape)
        storage.base.update(repeating: value, count: storage.count)
    }

    /// A scalar: shape `[]`.
    public init(_ value: Float) { self.init([], repeating: value) }

    /// A tensor over uninitialised memory that `body` must fill completely.
    public init(_ shape: [Int], initialising body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
        self.init(uninitialised: shape)
        try body(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
    }

    /// Number of elements.
    public var count: Int { storage.count }

    /// Number of axes.
    public var rank: Int { shape.count }

    /// The elements in row-major order.
    public var values: [Float] { Array(UnsafeBufferPointer(start: storage.base, count: storage.count)) }

    /// The only element of a tensor that has one.
    public var scalar: Float {
        precondition(count == 1, "a tensor of shape \(shape) is no scalar")
        return storage.base.pointee
    }

    /// The same elements under another shape, without a copy; one length may be -1 and is worked out.
    public func reshaped(_ shape: [Int]) -> Tensor {
        var lengths = shape
        if let free = lengths.firstIndex(of: -1) {
            let known = lengths.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
            precondition(known > 0 && count % known == 0, "a tensor of shape \(self.shape) does not fit \(shape)")
            lengths[free] = count / known
        }
        precondition(Tensor.count(of: lengths) == count, "a tensor of shape \(self.shape) does not fit \(shape)")
        return Tensor(shape: lengths, storage: storage)
    }

    /// Gives `body` the elements to read; the pointer is valid only inside.
    public func read<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        try withExtendedLifetime(storage) {
            try body(UnsafeBufferPointer(start: storage.base, count: storage.count))
        }
    }

    /// Gives `body` the elements to change, after a copy if anybody else can see them.
    public mutating func write<R>(_ body: (UnsafeMutableBufferPointer<Float>) throws -> R) rethrows -> R {
        makeUnique()
        return try withExtendedLifetime(storage) {
            try body(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
        }
    }

    /// Makes sure that nobody else sees the storage.
    mutating func makeUnique() {
        guard !isKnownUniquelyReferenced(&storage) else { return }
        let copy = Storage(count: storage.count)
        copy.base.update(from: storage.base, count: storage.count)
        storage = copy
    }

    static func count(of shape: [Int]) -> Int {
        var count = 1
        for length in shape {
            precondition(length >= 0, "a shape with a negative length: \(shape)")
            count *= length
        }
        return count
    }
}

extension Tensor: Equatable {
    /// Whether shapes are equal and all elements have the same bits (so a NaN equals itself, and 0 is not -0).
    public static func == (a: Tensor, b: Tensor) -> Bool {
        guard a.shape == b.shape else { return false }
        return a.read { a in
            b.read { b in
                a.count == 0 || UnsafeRawBufferPointer(a).elementsEqual(UnsafeRawBufferPointer(b))
            }
        }
    }
}

extension Tensor: CustomStringConvertible {
    /// The shape and the first few elements.
    public var description: String {
        let shown = read { $0.prefix(8).map { "\($0)" }.joined(separator: ", ") }
        return "Tensor \(shape) [\(shown)\(count > 8 ? ", …" : "")]"
    }
}
