/// The background: static in time, in 64 variants each.
public enum Place: String, CaseIterable, Sendable, Codable {
    case beach, snow, city, grass, desert, space, sea, forest

    /// As a caption says it.
    public var phrase: String {
        switch self {
        case .beach: "on the beach"
        case .snow: "in the snow"
        case .city: "in the city"
        case .grass: "on the grass"
        case .desert: "in the desert"
        case .space: "in space"
        case .sea: "under the sea"
        case .forest: "in the forest"
        }
    }

    /// What a dense caption says of its looks.
    public var detail: String {
        switch self {
        case .beach: "with blue water and yellow sand"
        case .snow: "with white ground and snowflakes"
        case .city: "with dark buildings and bright windows"
        case .grass: "with green ground and a blue sky"
        case .desert: "with brown dunes and an orange sky"
        case .space: "with a black sky and white stars"
        case .sea: "with blue water and round bubbles"
        case .forest: "with brown trees and green leaves"
        }
    }
}
