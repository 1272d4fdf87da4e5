/// What a pickle of tensors says, read without running anything.
///
/// A pickle is a program for a stack machine that may call any function of Python. This reader knows the opcodes that
/// PyTorch writes for a dictionary or list of tensors, and the handful of names that such a file needs; whatever else
/// there is, is refused (Python's pickletools describes the opcodes; diffusion.md, Appendix A).
///
/// Containers lie in flat tables and values refer to them by number: a pickle that nests or repeats itself without end
/// costs no more than its bytes.
struct Pickle {
    /// A value of the machine.
    enum Value: Hashable {
        case none
        case bool(Bool)
        case int(Int)
        case float(Double)
        case text(String)
        case global(Global)
        /// Number in `tuples`.
        case tuple(Int)
        /// Number in `lists`.
        case list(Int)
        /// Number in `dictionaries`.
        case dictionary(Int)
        /// Number in `storages`.
        case storage(Int)
        /// Number in `tensors`.
        case tensor(Int)
    }

    /// The names that a file of tensors may use.
    enum Global: Hashable {
        case orderedDictionary
        case rebuildTensor
        case rebuildParameter
        case storage(ElementType)

        init?(module: String, name: String) {
            switch (module, name) {
            case ("collections", "OrderedDict"): self = .orderedDictionary
            case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
            case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
            case ("torch", let name):
                guard let type = Self.storages[name] else { return nil }
                self = .storage(type)
            default: return nil
            }
        }

        private static let storages: [String: ElementType] = [
            "HalfStorage": .float16, "FloatStorage": .float32, "BFloat16Storage": .bfloat16, "DoubleStorage": .float64,
            "LongStorage": .int64, "IntStorage": .int32, "BoolStorage": .bool, "ByteStorage": .uint8,
        ]
    }

    /// A row of numbers in a file of the archive.
    struct Storage: Hashable {
        let type: ElementType
        let key: String
        let count: Int
    }

    /// A view of a storage: offset and strides count elements.
    struct Tensor: Hashable {
        let storage: Int
        let offset: Int
        let shape: [Int]
        let strides: [Int]
    }

    /// Why a pickle is not read, and at which byte.
    struct Refusal: Error {
        let offset: Int
        let reason: String
    }

    private(set) var tuples: [[Value]] = []
    private(set) var lists: [[Value]] = []
    /// Pairs, in the order in which they were set.
    private(set) var dictionaries: [[(key: Value, value: Value)]] = []
    private(set) var storages: [Storage] = []
    private(set) var tensors: [Tensor] = []
    /// What the pickle is in the end.
    private(set) var result = Value.none

    private let bytes: [UInt8]
    private var place = 0
    private var stack: [Value] = []
    private var marks: [Int] = []
    private var memo: [Int: Value] = [:]

    /// Reads a pickle to its end.
    init(_ bytes: [UInt8]) throws(Refusal) {
        self.bytes = bytes
        while true {
            let start = place
            do throws(Refusal) {
                if try step() { break }
            } catch {
                throw Refusal(offset: start, reason: error.reason)
            }
        }
        guard stack.count == 1, marks.isEmpty else { throw refusal("\(stack.count) values are left in the end, not 1") }
        guard place == bytes.count else { throw refusal("\(bytes.count - place) bytes follow its end") }
        result = stack[0]
    }

    private func refusal(_ reason: String) -> Refusal { Refusal(offset: place, reason: reason) }

    /// One opcode; true for the last.
    private mutating func step() throws(Refusal) -> Bool {
        let code = UInt8(try unsigned(1))
        switch code {
        case 0x80:  // PROTO
            let version = try unsigned(1)
            guard version == 2 else {
                throw refusal("it has pickle protocol \(version): save it again with PyTorch's own, 2")
            }
        case UInt8(ascii: "."): return true
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "K"): stack.append(.int(try unsigned(1)))
        case UInt8(ascii: "M"): stack.append(.int(try unsigned(2)))
        case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
        case 0x8A: stack.append(try long().map(Value.int) ?? .none)
        case UInt8(ascii: "G"): stack.append(.float(try float()))
        case UInt8(ascii: "X"): stack.append(.text(try text(try unsigned(4))))
        case 0x8C: stack.append(.text(try text(try unsigned(1))))
        case UInt8(ascii: "c"):
            let (module, name) = (try line(), try line())
            guard let global = Global(module: module, name: name) else {
                throw refusal("it asks for \(module).\(name), which no file of tensors needs: nothing of it was run")
            }
            stack.append(.global(global))
        case UInt8(ascii: "q"): try remember(try unsigned(1))
        case UInt8(ascii: "r"): try remember(try unsigned(4))
        case UInt8(ascii: "h"): try recall(try unsigned(1))
        case UInt8(ascii: "j"): try recall(try unsigned(4))
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: ")"): push([])
        case 0x85: push(try take(1))
        case 0x86: push(try take(2))
        case 0x87: push(try take(3))
        case UInt8(ascii: "t"): push(try takeToMark())
        case UInt8(ascii: "]"):
            lists.append([])
            stack.append(.list(lists.count - 1))
        case UInt8(ascii: "}"): pushDictionary()
        case UInt8(ascii: "a"): try append(try take(1))
        case UInt8(ascii: "e"): try append(try takeToMark())
        case UInt8(ascii: "s"): try set(try take(2))
        case UInt8(ascii: "u"): try set(try takeToMark())
        case UInt8(ascii: "Q"): try loadStorage()
        case UInt8(ascii: "R"): try call()
        case UInt8(ascii: "b"):
            // The attributes of a state dictionary: versions of layers, which say nothing of its tensors.
            let values = try take(2)
            guard case .dictionary = values[0] else { throw refusal("it sets attributes of what is no dictionary") }
            stack.append(values[0])
        default:
            throw refusal("opcode 0x\(String(code, radix: 16)) is none that PyTorch writes for tensors")
        }
        return false
    }
}

// MARK: - Bytes

extension Pickle {
    private mutating func advance(_ count: Int) throws(Refusal) -> ArraySlice<UInt8> {
        guard count <= bytes.count - place else { throw refusal("it is cut off") }
        defer { place += count }
        return bytes[place..<place + count]
    }

    private mutating func unsigned(_ width: Int) throws(Refusal) -> Int {
        try advance(width).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// A number of at most 8 bytes, two's complement; nil for a larger one, which no size of a tensor is.
    private mutating func long() throws(Refusal) -> Int? {
        let digits = try advance(try unsigned(1))
        guard digits.count <= 8 else { return nil }
        let isNegative = (digits.last ?? 0) & 0x80 != 0
        return digits.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) }
    }

    private mutating func float() throws(Refusal) -> Double {
        Double(bitPattern: try advance(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    private mutating func text(_ count: Int) throws(Refusal) -> String {
        guard let text = String(validating: try advance(count), as: UTF8.self) else {
            throw refusal("a text is not UTF-8")
        }
        return text
    }

    private mutating func line() throws(Refusal) -> String {
        guard let end = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) else { throw refusal("it is cut off") }
        let line = try text(end - place)
        place = end + 1
        return line
    }
}

// MARK: - The stack

extension Pickle {
    private mutating func take(_ count: Int) throws(Refusal) -> [Value] {
        guard stack.count - (marks.last ?? 0) >= count else { throw refusal("its stack is empty") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func takeToMark() throws(Refusal) -> [Value] {
        guard let mark = marks.popLast() else { throw refusal("there is no mark on its stack") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[mark...])
    }

    private mutating func push(_ tuple: [Value]) {
        tuples.append(tuple)
        stack.append(.tuple(tuples.count - 1))
    }

    private mutating func pushDictionary() {
        dictionaries.append([])
        stack.append(.dictionary(dictionaries.count - 1))
    }

    private mutating func remember(_ index: Int) throws(Refusal) {
        guard stack.count > (marks.last ?? 0), let top = stack.last else { throw refusal("its stack is empty") }
        memo[index] = top
    }

    private mutating func recall(_ index: Int) throws(Refusal) {
        guard let value = memo[index] else { throw refusal("it recalls \(index), which it never kept") }
        stack.append(value)
    }

    private mutating func append(_ values: [Value]) throws(Refusal) {
        guard stack.count > (marks.last ?? 0), case .list(let list)? = stack.last else {
            throw refusal("it appends to what is no list")
        }
        lists[list] += values
    }

    private mutating func set(_ values: [Value]) throws(Refusal) {
        guard stack.count > (marks.last ?? 0), case .dictionary(let dictionary)? = stack.last else {
            throw refusal("it sets an element of what is no dictionary")
        }
        guard values.count % 2 == 0 else { throw refusal("a key has no value") }
        for index in stride(from: 0, to: values.count, by: 2) {
            dictionaries[dictionary].append((values[index], values[index + 1]))
        }
    }
}

// MARK: - What is called

extension Pickle {
    /// A persistent id: ('storage', type, key, device, elements).
    private mutating func loadStorage() throws(Refusal) {
        guard case .tuple(let index) = try take(1)[0], tuples[index].count == 5 else {
            throw refusal("it refers to what is no storage")
        }
        let parts = tuples[index]
        guard case .text("storage") = parts[0], case .global(.storage(let type)) = parts[1],
            case .text(let key) = parts[2], case .int(let count) = parts[4], count >= 0
        else { throw refusal("it refers to what is no storage") }
        storages.append(Storage(type: type, key: key, count: count))
        stack.append(.storage(storages.count - 1))
    }

    private mutating func call() throws(Refusal) {
        let values = try take(2)
        guard case .global(let function) = values[0], case .tuple(let index) = values[1] else {
            throw refusal("it calls what is no function")
        }
        let arguments = tuples[index]
        switch function {
        case .orderedDictionary:
            guard arguments.isEmpty else { throw refusal("an OrderedDict is not empty where it is made") }
            pushDictionary()
        case .rebuildParameter:
            guard let first = arguments.first, case .tensor = first else { throw refusal("a parameter is no tensor") }
            stack.append(first)
        case .rebuildTensor:
            guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .int(let offset) = arguments[1],
                let shape = numbers(arguments[2]), let strides = numbers(arguments[3]), shape.count == strides.count
            else {
                throw refusal("a tensor is not made of a storage, an offset, a shape and strides of at most 64 axes")
            }
            tensors.append(Tensor(storage: storage, offset: offset, shape: shape, strides: strides))
            stack.append(.tensor(tensors.count - 1))
        case .storage:
            throw refusal("it calls the name of a storage")
        }
    }

    /// As many as PyTorch's tensors have axes: a longer list, recalled for many tensors, would cost more than its bytes.
    private static let mostAxes = 64

    private func numbers(_ value: Value) -> [Int]? {
        guard case .tuple(let index) = value, tuples[index].count <= Self.mostAxes else { return nil }
        let numbers = tuples[index].compactMap { if case .int(let number) = $0 { number } else { nil } }
        return numbers.count == tuples[index].count ? numbers : nil
    }
}
