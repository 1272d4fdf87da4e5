/// What can be seen in the world.
public enum Subject: String, CaseIterable, Sendable, Codable {
    case ball, box, star, heart, moon, ring, fish, cat, ghost, robot, flower, car

    /// What a dense caption says of its looks.
    public var detail: String {
        switch self {
        case .ball: "with a stripe"
        case .box: "with a cross"
        case .star: "with five points"
        case .heart: "with two bumps"
        case .moon: "with two horns"
        case .ring: "with a hole"
        case .fish: "with a tail"
        case .cat: "with two ears"
        case .ghost: "with dark eyes"
        case .robot: "with square eyes"
        case .flower: "with five petals"
        case .car: "with two wheels"
        }
    }
}
