/// `${name}`, `${step.port}`, `${item}`, `${env.NAME}`.
struct Reference: Hashable {
    /// The words between the dots, at least one.
    let path: [String]

    var name: String { path[0] }
    var description: String { "${\(path.joined(separator: "."))}" }

    enum Piece: Hashable {
        case text(String)
        case reference(Reference)
    }

    /// Text cut at its references; `$${` is a literal `${`.
    ///
    /// Nil for a reference that is none, and what is wrong with it.
    static func pieces(of text: String) -> (pieces: [Piece], problem: String?) {
        guard text.mayRefer else { return ([.text(text)], nil) }
        var pieces: [Piece] = []
        var literal = ""
        var rest = text[...]
        while let character = rest.first {
            if rest.hasPrefix("$${") {
                literal += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else { return ([], "`${` without a `}`") }
                let words = rest[rest.index(rest.startIndex, offsetBy: 2)..<end]
                    .split(separator: ".", omittingEmptySubsequences: false).map(String.init)
                guard words.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isNameCharacter) }) else {
                    return ([], "`\(rest[...end])` is not a reference")
                }
                if !literal.isEmpty { pieces.append(.text(literal)) }
                literal = ""
                pieces.append(.reference(Reference(path: words)))
                rest = rest[rest.index(after: end)...]
            } else {
                literal.append(character)
                rest = rest.dropFirst()
            }
        }
        if !literal.isEmpty || pieces.isEmpty { pieces.append(.text(literal)) }
        return (pieces, nil)
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == "-" || character == "_")
    }

    /// The one reference that a whole text is.
    static func whole(_ text: String) -> Reference? {
        guard case (let pieces, nil) = pieces(of: text), pieces.count == 1, case .reference(let reference) = pieces[0]
        else { return nil }
        return reference
    }
}
