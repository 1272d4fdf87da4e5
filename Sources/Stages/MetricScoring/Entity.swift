/// What CLIP-E asks for when the user names no entity.
enum Entity {
    private static let formsOfBe: Set<String> = ["is", "are", "was", "were", "am", "be", "being", "been"]

    /// The words of a prompt before its first form of "be": `A green cat` of `A green cat is zigzagging`.
    ///
    /// nil when there is none, or nothing before it.
    static func inPrompt(_ prompt: String) -> String? {
        let words = prompt.split(whereSeparator: \.isWhitespace)
        guard let verb = words.firstIndex(where: { formsOfBe.contains($0.lowercased()) }), verb > 0 else { return nil }
        return words[..<verb].joined(separator: " ")
    }
}
