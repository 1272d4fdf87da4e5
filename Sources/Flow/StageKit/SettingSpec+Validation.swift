public import Artifacts

/// Why a value is not what a setting accepts, and where inside the value.
public struct SettingMismatch: Error, Hashable, Sendable, CustomStringConvertible {
    /// One step down into a list or a map.
    public enum Component: Hashable, Sendable {
        case index(Int)
        case key(String)
    }

    /// From the setting's value down to what is wrong; empty for the value itself.
    public let path: [Component]
    /// One clause: `expected a whole number, found the text "many"`.
    public let message: String
    /// The word that was found and those that are allowed, for "did you mean".
    public let choices: [String]
    /// What was found in place of a choice.
    public let found: String?

    init(_ message: String, path: [Component], choices: [String] = [], found: String? = nil) {
        self.path = path
        self.message = message
        self.choices = choices
        self.found = found
    }

    /// The message.
    public var description: String { message }
}

/// A setting of a stage that was given a wrong value, or does not exist.
public struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One wrong setting.
    public enum Problem: Hashable, Sendable {
        /// There is no setting of this name.
        case unknown(String)
        /// The setting does not accept its value.
        case mismatch(String, SettingMismatch)
    }

    /// The stage whose settings these are.
    public let stage: StageKind
    /// Everything that is wrong, by name.
    public let problems: [Problem]

    /// All problems, one per line.
    public var description: String {
        problems.map { problem in
            switch problem {
            case .unknown(let name): "stage \(stage) has no setting \(name)"
            case .mismatch(let name, let mismatch): "setting \(name) of stage \(stage): \(mismatch.message)"
            }
        }.joined(separator: "\n")
    }
}

extension SettingSpec {
    /// The value as the stage will see it: ints become doubles where those are wanted, and negative zero is zero.
    ///
    /// - Throws: what is wrong with the value: its type, its range, a word that is no choice.
    public func normalised(_ value: Value) throws(SettingMismatch) -> Value {
        try shape.normalised(value, range: range, path: [])
    }
}

extension SettingShape {
    /// What a pipeline file must say, for people: `a whole number`.
    public var description: String {
        switch self {
        case .bool: "true or false"
        case .int: "a whole number"
        case .double: "a number"
        case .string: "text"
        case .choice(let words): words.count == 1 ? "\(words[0])" : "one of " + words.joined(separator: ", ")
        case .list(let item): "a list (each item: \(item.description))"
        case .map(let item): "a map (each value: \(item.description))"
        case .optional(let shape): "\(shape.description), or null"
        }
    }

    func normalised(
        _ value: Value, range: ClosedRange<Double>?, path: [SettingMismatch.Component]
    ) throws(SettingMismatch) -> Value {
        var mismatch: SettingMismatch {
            SettingMismatch("expected \(description), found \(value.inWords)", path: path)
        }
        switch (self, value) {
        case (.optional, .null): return .null
        case (.optional(let shape), _):
            // Null may be said only of the whole value: inside a list the item's own words are right.
            do throws(SettingMismatch) {
                return try shape.normalised(value, range: range, path: path)
            } catch {
                throw error.path == path && error.message.hasPrefix("expected ") ? mismatch : error
            }
        case (.bool, .bool), (.string, .string): return value
        case (.int, .int(let number)):
            try check(Double(number), text: "\(number)", range, path)
            return value
        case (.double, .int(let number)):
            // A double holds every integer up to 2^53; beyond it the key would say another number than the file.
            guard let exact = Double(exactly: number) else {
                throw SettingMismatch("\(number) has more digits than a number can hold", path: path)
            }
            try check(exact, text: "\(number)", range, path)
            return .double(exact)
        case (.double, .double(let number)):
            guard number.isFinite else { throw SettingMismatch("\(number) is not a finite number", path: path) }
            try check(number, text: "\(number)", range, path)
            return .double(number == 0 ? 0 : number)
        case (.choice(let words), .string(let word)):
            guard words.contains(word) else {
                throw SettingMismatch(
                    "\"\(word)\" is not \(description)", path: path, choices: words, found: word)
            }
            return value
        case (.list(let item), .list(let items)):
            var normalised: [Value] = []
            for (index, element) in items.enumerated() {
                normalised.append(try item.normalised(element, range: range, path: path + [.index(index)]))
            }
            return .list(normalised)
        case (.map(let item), .map(let entries)):
            var normalised: [String: Value] = [:]
            for (key, element) in entries.sorted(by: { $0.key < $1.key }) {
                normalised[key] = try item.normalised(element, range: range, path: path + [.key(key)])
            }
            return .map(normalised)
        default: throw mismatch
        }
    }

    private func check(
        _ number: Double, text: String, _ range: ClosedRange<Double>?, _ path: [SettingMismatch.Component]
    ) throws(SettingMismatch) {
        guard let range, !range.contains(number) else { return }
        throw SettingMismatch(
            "\(text) is out of range: \(range.lowerBound.brief) to \(range.upperBound.brief)", path: path)
    }
}

extension Double {
    /// Without a fraction that says nothing: `12`, not `12.0`.
    var brief: String { Int(exactly: self).map { "\($0)" } ?? "\(self)" }
}

extension Value {
    /// What it is, for error messages: `the text "many"`, `a list`.
    public var inWords: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .int(let value): "the number \(value)"
        case .double(let value): "the number \(value)"
        case .string(let value): "the text \"\(value.count > 40 ? value.prefix(37) + "..." : value)\""
        case .list(let items): items.isEmpty ? "an empty list" : "a list"
        case .map: "a map"
        }
    }
}
