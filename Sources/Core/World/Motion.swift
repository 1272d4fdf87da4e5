/// How a subject moves: a verb that a caption can name.
///
/// Known by its name alone; `Motion+Trajectory` says what each does.
public struct Motion: Hashable, Sendable, Codable, CustomStringConvertible {
    /// As captions say it: `sliding left`, `zigzagging`; `path7` for the random paths.
    public let name: String
    let course: Course

    /// What the text-to-video model learns.
    public static let base = motions(
        .resting, .slidingLeft, .slidingRight, .rising, .falling, .growing, .shrinking, .bouncing, .shaking, .spinning)

    /// What no text-to-video model sees before it is customised.
    public static let heldOut = motions(.zigzagging, .circling, .swinging, .jumping, .cartwheeling)

    /// What only metric models learn beside the others.
    public static let extra = motions(
        .orbiting, .pulsing, .diving, .hovering, .tumbling, .drifting, .patrolling, .wobbling)

    /// A random smooth path: one and the same for an index, which is not negative.
    public static func path(_ index: Int) -> Motion {
        precondition(index >= 0, "path \(index)")
        return Motion(name: "path\(index)", course: .path(index))
    }

    /// A motion of one of the lists, or `path` and a number.
    public init?(named name: String) {
        if let verb = Verb(rawValue: name) {
            self.init(name: name, course: .verb(verb))
        } else if name.hasPrefix("path"), let index = Int(name.dropFirst(4)), index >= 0, name == "path\(index)" {
            self = .path(index)
        } else {
            return nil
        }
    }

    /// Reads a name.
    public init(from decoder: any Decoder) throws {
        let name = try decoder.singleValueContainer().decode(String.self)
        guard let motion = Motion(named: name) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "there is no motion '\(name)'"))
        }
        self = motion
    }

    /// Writes the name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    /// The name.
    public var description: String { name }

    private init(name: String, course: Course) {
        self.name = name
        self.course = course
    }

    private static func motions(_ verbs: Verb...) -> [Motion] {
        verbs.map { Motion(name: $0.rawValue, course: .verb($0)) }
    }

    /// What gives the trajectory.
    enum Course: Hashable {
        case verb(Verb)
        case path(Int)
    }

    enum Verb: String {
        case resting, rising, falling, growing, shrinking, bouncing, shaking, spinning
        case slidingLeft = "sliding left"
        case slidingRight = "sliding right"
        case zigzagging, circling, swinging, jumping, cartwheeling
        case orbiting, pulsing, diving, hovering, tumbling, drifting, patrolling, wobbling
    }
}
