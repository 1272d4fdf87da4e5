/// How tokens become text again: steps of the `decoder` of a tokenizer.json, or what SentencePiece does.
///
/// Texts are UTF-8, as a token may be a part of a sign.
enum TokenDecoding: Sendable {
    case replace([UInt8], with: [UInt8])
    /// Runs of byte tokens become what they spell; in a run that is no UTF-8 each is U+FFFD.
    case byteFallback
    /// As the other, but of a run that is no UTF-8 only the bytes that spell nothing are U+FFFD.
    case lenientByteFallback
    case fuse
    /// Up to so many signs taken from the start and from the end of each text.
    case strip([UInt8], start: Int, stop: Int)
    /// Marks become spaces, but for those of the first token when one was put before the text.
    case metaspace(mark: [UInt8], dropsFirst: Bool)
    /// Printable signs become the bytes that they stand for.
    case byteLevel
    case sequence([TokenDecoding])

    func callAsFunction(_ tokens: [[UInt8]]) -> [[UInt8]] {
        switch self {
        case .replace(let pattern, let content): tokens.map { replacing(pattern, with: content, in: $0) }
        case .byteFallback: Self.spelt(tokens, isLenient: false)
        case .lenientByteFallback: Self.spelt(tokens, isLenient: true)
        case .fuse: [tokens.flatMap { $0 }]
        case .strip(let sign, let start, let stop): tokens.map { Self.stripped($0, sign, start, stop) }
        case .metaspace(let mark, let dropsFirst):
            tokens.enumerated().map { index, token in
                replacing(mark, with: index == 0 && dropsFirst ? [] : [UInt8(ascii: " ")], in: token)
            }
        case .byteLevel: [tokens.flatMap(Self.bytes)]
        case .sequence(let steps): steps.reduce(tokens) { $1($0) }
        }
    }

    private static let replacement = Array("\u{FFFD}".utf8)

    private static func spelt(_ tokens: [[UInt8]], isLenient: Bool) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func end() {
            guard !run.isEmpty else { return }
            if isLenient {
                result.append(Self.repaired(run))
            } else if String(validating: run, as: UTF8.self) != nil {
                result.append(run)
            } else {
                result += run.map { _ in replacement }
            }
            run = []
        }
        for token in tokens {
            if let byte = SubwordVocabulary.byte(token) {
                run.append(byte)
            } else {
                end()
                result.append(token)
            }
        }
        end()
        return result
    }

    /// Bytes with U+FFFD for each that is no part of a sign.
    private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let length = (1...4).first { $0 <= rest.count && String(validating: rest.prefix($0), as: UTF8.self) != nil }
            result += length.map { Array(rest.prefix($0)) } ?? replacement
            rest = rest.dropFirst(length ?? 1)
        }
        return result
    }

    private static func stripped(_ token: [UInt8], _ sign: [UInt8], _ start: Int, _ stop: Int) -> [UInt8] {
        var rest = token[...]
        var (start, stop) = (start, stop)
        while start > 0, !sign.isEmpty, rest.starts(with: sign) {
            rest = rest.dropFirst(sign.count)
            start -= 1
        }
        while stop > 0, !sign.isEmpty, rest.suffix(sign.count).elementsEqual(sign) {
            rest = rest.dropLast(sign.count)
            stop -= 1
        }
        return Array(rest)
    }

    /// The byte of each printable sign.
    private static let byteOfSymbol: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: BytePairEncoding.byteSymbols.enumerated().compactMap { byte, symbol in
            symbol.unicodeScalars.first.map { ($0, UInt8(byte)) }
        })

    /// What a token of signs spells; one with other signs is itself.
    private static func bytes(_ token: [UInt8]) -> [UInt8] {
        let signs = String(decoding: token, as: UTF8.self).unicodeScalars
        let bytes = signs.compactMap { byteOfSymbol[$0] }
        return bytes.count == signs.count ? bytes : token
    }

    /// The `decoder` of a tokenizer.json.
    ///
    /// Throws `ModelsError` about `name` for a step that we do not have.
    init(_ json: OrderedJSON?, name: String) throws {
        let kind = json?["type"]?.text ?? "none"
        switch (kind, json) {
        case ("Sequence", let json?):
            let steps = json["decoders"]?.members ?? []
            self = .sequence(try steps.map { try TokenDecoding($0, name: name) })
        case ("Replace", let json?):
            guard let pattern = json["pattern"]?["String"]?.bytes, !pattern.isEmpty else {
                throw ModelsError.unsupported(
                    file: name, key: "decoder", value: "Replace of a regular expression", supported: "of a text")
            }
            self = .replace(pattern, with: json["content"]?.bytes ?? [])
        case ("ByteFallback", _): self = .byteFallback
        case ("Fuse", _): self = .fuse
        case ("Strip", let json?):
            // A count is no more than a text can have.
            let (start, stop) = (json["start"]?.int ?? 0, json["stop"]?.int ?? 0)
            self = .strip(
                json["content"]?.bytes ?? [UInt8(ascii: " ")], start: max(0, min(start, 1024)),
                stop: max(0, min(stop, 1024)))
        case ("Metaspace", let json?):
            let (mark, prefix) = try TextSplitting.metaspace(json, name)
            self = .metaspace(mark: Array(String(mark).utf8), dropsFirst: prefix != .never)
        case ("ByteLevel", _): self = .byteLevel
        default:
            throw ModelsError.unsupported(
                file: name, key: "decoder", value: kind,
                supported: "Sequence, Replace, ByteFallback, Fuse, Strip, Metaspace, ByteLevel")
        }
    }
}
