import Foundation

/// What the files of a tokenizer folder say, in whichever of the layouts of transformers they are.
///
/// `special_tokens_map.json` wins over `tokenizer_config.json` (ZeroScope's two disagree about the pad token).
struct TokenizerFiles {
    enum Role: String, CaseIterable {
        case start = "bos_token"
        case end = "eos_token"
        case unknown = "unk_token"
        case pad = "pad_token"

        var standard: String { self == .start ? "<|startoftext|>" : "<|endoftext|>" }
    }

    /// How errors name the folder.
    let folder: String
    let vocabulary: [String: Int]
    let merges: [(String, String)]
    let addedTokens: [AddedTokens.Token]
    let maximumLength: Int
    private let names: [Role: String]

    init(folder: URL) throws {
        self.folder = folder.path(percentEncoded: false)
        let special = try Self.object(folder, "special_tokens_map.json")
        let configuration = try Self.object(folder, "tokenizer_config.json")
        var whole: [String: JSONValue] = [:]
        if let vocabulary = try Self.vocabulary(folder) {
            self.vocabulary = vocabulary
            merges = try Self.merges(folder)
        } else {
            guard let file = try Self.object(folder, "tokenizer.json") else {
                throw ModelsError.missingFile(
                    file: folder.appending(path: "vocab.json").path(percentEncoded: false),
                    neededFor: "the tokenizer (or a tokenizer.json)")
            }
            whole = file
            (vocabulary, merges) = try Self.model(of: file, name: "\(self.folder)/tokenizer.json")
        }

        var names: [Role: String] = [:]
        var flags: [String: Bool] = [:]
        for source in [configuration, special].compactMap(\.self) {
            for role in Role.allCases {
                guard let value = source[role.rawValue], let name = value.tokenContent else { continue }
                names[role] = name
                flags[name] = value["normalized"]?.bool ?? false
            }
        }
        for token in (whole["added_tokens"]?.members ?? []) + (configuration?["added_tokens_decoder"]?.values ?? []) {
            guard let name = token.tokenContent else { continue }
            flags[name] = token["normalized"]?.bool ?? false
        }
        if let token = vocabulary.filter({ !(0..<1 << 24).contains($1) }).keys.min() {
            throw ModelsError.unreadable(
                file: self.folder, why: "the token \"\(token)\" has an id below 0 or beyond all vocabularies")
        }
        for role in Role.allCases where names[role] == nil { names[role] = role.standard }
        self.names = names
        var added = Set(names.values)
        for token in whole["added_tokens"]?.members ?? [] { if let name = token.tokenContent { added.insert(name) } }
        let vocabulary = vocabulary
        addedTokens = added.sorted().compactMap { name in
            vocabulary[name].map { .init(content: name, id: $0, isNormalised: flags[name] ?? false) }
        }
        // transformers writes 1e30 where it knows of no limit; CLIP's own is 77.
        let limit =
            configuration?["model_max_length"]?.int ?? whole["truncation"]?["max_length"]?.int ?? 77
        maximumLength = limit <= 1 << 20 ? limit : 77
    }

    /// The id of a special token.
    ///
    /// Throws `ModelsError` when the vocabulary has none.
    func id(of role: Role) throws -> Int {
        let name = names[role] ?? role.standard
        guard let id = vocabulary[name] else {
            throw ModelsError.unreadable(
                file: folder, why: "the vocabulary has no \"\(name)\", which is its \(role.rawValue)")
        }
        return id
    }

    private static func object(_ folder: URL, _ name: String) throws -> [String: JSONValue]? {
        let url = folder.appending(path: name)
        guard FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) else { return nil }
        do {
            return try JSONDecoder().decode([String: JSONValue].self, from: Data(contentsOf: url))
        } catch {
            throw ModelsError.unreadable(file: url.path(percentEncoded: false), why: "\(error)")
        }
    }

    private static func vocabulary(_ folder: URL) throws -> [String: Int]? {
        let url = folder.appending(path: "vocab.json")
        guard FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) else { return nil }
        do {
            return try JSONDecoder().decode([String: Int].self, from: Data(contentsOf: url))
        } catch {
            throw ModelsError.unreadable(file: url.path(percentEncoded: false), why: "it is no map from tokens to ids")
        }
    }

    /// One pair per line after a version comment.
    private static func merges(_ folder: URL) throws -> [(String, String)] {
        let url = folder.appending(path: "merges.txt")
        let path = url.path(percentEncoded: false)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ModelsError.missingFile(file: path, neededFor: "the tokenizer that has a vocab.json beside it")
        }
        // Lines are taken as bytes: among the symbols are signs that Swift would join into one character.
        return try data.split(separator: UInt8(ascii: "\n")).enumerated().compactMap { number, line in
            let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            let parts = text.split(separator: UInt8(ascii: " "))
            if number == 0, String(decoding: text, as: UTF8.self).contains("#version") || parts.isEmpty { return nil }
            guard parts.count == 2 else {
                if parts.isEmpty { return nil }
                throw ModelsError.unreadable(file: path, why: "line \(number + 1) is no pair of tokens")
            }
            return (String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self))
        }
    }

    /// The vocabulary and the merges of a tokenizer.json, whose merges are texts or pairs.
    private static func model(
        of file: [String: JSONValue], name: String
    ) throws -> (vocabulary: [String: Int], merges: [(String, String)]) {
        guard let model = file["model"], case .object(let entries)? = model["vocab"],
            case .array(let pairs)? = model["merges"], model["end_of_word_suffix"] == .string("</w>")
        else {
            throw ModelsError.unreadable(
                file: name, why: "its model is not byte-pair encoding with the word end </w> as CLIP's")
        }
        var vocabulary = entries.compactMapValues(\.int)
        for token in file["added_tokens"]?.members ?? [] {
            if let content = token.tokenContent, let id = token["id"]?.int { vocabulary[content] = id }
        }
        let merges = try pairs.map { pair -> (String, String) in
            switch pair {
            case .array(let parts):
                if parts.count == 2, case .string(let a) = parts[0], case .string(let b) = parts[1] { return (a, b) }
            case .string(let text):
                let parts = text.utf8.split(separator: UInt8(ascii: " "))
                if parts.count == 2 {
                    return (String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self))
                }
            default: break
            }
            throw ModelsError.unreadable(file: name, why: "\(pair) is no pair of tokens")
        }
        return (vocabulary, merges)
    }
}

extension JSONValue {
    fileprivate subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    fileprivate var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    fileprivate var members: [JSONValue] {
        guard case .array(let members) = self else { return [] }
        return members
    }

    fileprivate var values: [JSONValue] {
        guard case .object(let members) = self else { return [] }
        return Array(members.values)
    }

    /// A token as text, or as an object with its content.
    fileprivate var tokenContent: String? {
        if case .string(let text) = self { return text }
        guard case .string(let text)? = self["content"] else { return nil }
        return text
    }
}
