/// The tokens of a language model: by their UTF-8, as texts that Swift takes for equal may be several tokens.
struct SubwordVocabulary: Sendable {
    /// How many ids there may be.
    static let limit = 1 << 24

    private(set) var ids: [[UInt8]: Int] = [:]
    /// The text of each id, nil for ids that are none.
    private(set) var tokens: [[UInt8]?] = []

    /// Adds a token; one that is there already takes the new id, too.
    ///
    /// Throws `ModelsError.unreadable` about `name` when the id cannot be.
    mutating func add(_ token: [UInt8], id: Int, name: String) throws {
        guard (0..<Self.limit).contains(id) else {
            throw ModelsError.unreadable(
                file: name,
                why:
                    "the token \"\(String(decoding: token, as: UTF8.self))\" has an id below 0 or beyond all vocabularies"
            )
        }
        ids[token] = id
        if id >= tokens.count { tokens += Array(repeating: nil, count: id + 1 - tokens.count) }
        tokens[id] = token
    }

    subscript(token: [UInt8]) -> Int? { ids[token] }
    subscript(token: String) -> Int? { ids[Array(token.utf8)] }

    /// The text of an id; nil when there is none.
    func token(_ id: Int) -> [UInt8]? { tokens.indices.contains(id) ? tokens[id] : nil }

    /// The ids of the tokens `<0x00>` … `<0xFF>`; nil unless all are there.
    var byteIDs: [Int]? {
        let ids = (0..<256).compactMap { self[SubwordVocabulary.byteTokens[$0]] }
        return ids.count == 256 ? ids : nil
    }

    /// `<0x00>` … `<0xFF>`.
    static let byteTokens: [[UInt8]] = (0..<256).map {
        let digits = String($0, radix: 16, uppercase: true)
        return Array("<0x\(digits.count < 2 ? "0" : "")\(digits)>".utf8)
    }

    /// The byte that a token such as `<0x0A>` stands for.
    static func byte(_ token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
    }
}

/// Where the signs of a text begin, and its end.
func characterStarts(_ bytes: [UInt8]) -> [Int] {
    bytes.indices.filter { bytes[$0] & 0xc0 != 0x80 || $0 == 0 } + [bytes.count]
}
