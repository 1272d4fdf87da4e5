/// `{inputs.PORT}` or `{outputs.PORT}` in an argument.
struct Placeholder {
    let isInput: Bool
    let port: String
    let text: String

    /// All that are in an argument; other braces are left alone.
    static func all(in argument: String) -> [Placeholder] {
        pieces(of: argument).compactMap { piece in
            if case .placeholder(let placeholder) = piece { placeholder } else { nil }
        }
    }

    /// The argument as the program gets it.
    static func filled(_ argument: String, inputs: [String: String], outputs: [String: String]) -> String {
        pieces(of: argument).map { piece in
            switch piece {
            case .text(let text): text
            case .placeholder(let found):
                (found.isInput ? inputs[found.port] : outputs[found.port]) ?? found.text
            }
        }.joined()
    }

    private enum Piece {
        case text(String)
        case placeholder(Placeholder)
    }

    private static func pieces(of argument: String) -> [Piece] {
        guard argument.utf8.contains(UInt8(ascii: "{")) else { return [.text(argument)] }
        var pieces: [Piece] = []
        var text = ""
        var rest = argument[...]
        while let character = rest.first {
            let isInput = rest.hasPrefix("{inputs.")
            if isInput || rest.hasPrefix("{outputs."), let end = rest.firstIndex(of: "}") {
                let port = rest[..<end].drop { $0 != "." }.dropFirst()
                pieces.append(.text(text))
                pieces.append(
                    .placeholder(Placeholder(isInput: isInput, port: String(port), text: String(rest[...end]))))
                text = ""
                rest = rest[rest.index(after: end)...]
            } else {
                text.append(character)
                rest = rest.dropFirst()
            }
        }
        return pieces + [.text(text)]
    }
}
