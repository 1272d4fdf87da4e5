public import World

/// The words of the world's captions.
public enum WorldVocabulary {
    /// Every word that a caption or a dense caption can have.
    public static let words: Set<String> = {
        let phrases =
            ["a is at small medium large top bottom left middle right"] + Colour.allCases.map(\.rawValue)
            + Subject.allCases.flatMap { [$0.rawValue, $0.detail] }
            + Place.allCases.flatMap { [$0.phrase, $0.detail] } + motions.map(\.name)
        return Set(phrases.flatMap { $0.split(separator: " ").map(String.init) })
    }()

    /// The motions that a caption can name; a random path has no word.
    public static let motions = Set(Motion.base + Motion.heldOut + Motion.extra)

    /// What a dense caption says of the mirrored picture.
    public static func mirrored(_ caption: String) -> String {
        caption.split(separator: " ").map { $0 == "left" ? "right" : $0 == "right" ? "left" : $0 }
            .joined(separator: " ")
    }
}

/// Subjects, colours and places by number.
public enum Attributes {
    /// In the order of their numbers.
    public static let subjects = Subject.allCases
    /// In the order of their numbers.
    public static let colours = Colour.allCases
    /// In the order of their numbers.
    public static let places = Place.allCases

    /// The number of a subject.
    public static func index(_ subject: Subject) -> Int { subjects.firstIndex(of: subject) ?? 0 }
    /// The number of a colour.
    public static func index(_ colour: Colour) -> Int { colours.firstIndex(of: colour) ?? 0 }
    /// The number of a place.
    public static func index(_ place: Place) -> Int { places.firstIndex(of: place) ?? 0 }
}
