/// The colour of a subject's body.
public enum Colour: String, CaseIterable, Sendable, Codable {
    case red, orange, yellow, green, blue, purple, pink, white

    /// Red, green and blue from 0 to 1.
    public var rgb: SIMD3<Float> {
        switch self {
        case .red: [0.90, 0.14, 0.16]
        case .orange: [0.98, 0.55, 0.08]
        case .yellow: [0.98, 0.88, 0.15]
        case .green: [0.12, 0.68, 0.22]
        case .blue: [0.15, 0.35, 0.95]
        case .purple: [0.58, 0.20, 0.80]
        case .pink: [0.99, 0.50, 0.74]
        case .white: [0.96, 0.96, 0.96]
        }
    }
}
