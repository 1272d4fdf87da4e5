import Foundation

/// Reads what a chat completions server replied: an answer, or an error in one of the many forms that servers use.
struct ChatReply {
    let status: Int
    let body: Data
    let retryAfter: Double?
    let place: String
    /// Servers are known to repeat the key in their errors: it is taken out.
    let key: String?

    func answer() throws(EndpointError) -> Endpoint.Answer {
        let json = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
        if (300..<400).contains(status) { throw .redirect(place: place, status: status) }
        if !(200..<300).contains(status) {
            let message = json.flatMap(ChatReply.message) ?? String(decoding: body.prefix(300), as: UTF8.self)
            throw .status(
                place: place, status: status, message: message.isEmpty ? "no reason given" : withoutKey(message),
                retryAfter: retryAfter)
        }
        guard let json else {
            throw .notChat(place: place, reason: "the body is not JSON: '\(withoutKey(start(of: body)))'")
        }
        guard let choices = json["choices"] as? [[String: Any]], let choice = choices.first else {
            // Some servers report errors with status 200.
            let reason = ChatReply.message(in: json) ?? "there is no choice in '\(start(of: body))'"
            throw .notChat(place: place, reason: withoutKey(reason))
        }
        guard let message = choice["message"] as? [String: Any] else {
            throw .notChat(place: place, reason: "the choice has no message")
        }
        return Endpoint.Answer(
            text: ChatReply.text(of: message["content"]), isCutOff: choice["finish_reason"] as? String == "length",
            model: json["model"] as? String)
    }

    /// `{"error": {"message": …}}`, `{"error": "…"}`, `{"detail": …}`, `{"message": …}`.
    private static func message(in json: [String: Any]) -> String? {
        if let error = json["error"] as? [String: Any] { return error["message"] as? String ?? "\(error)" }
        return (json["error"] ?? json["detail"] ?? json["message"]).map { "\($0)" }
    }

    /// A text, or the texts of a list of parts.
    private static func text(of content: Any?) -> String {
        if let text = content as? String { return text }
        let parts = content as? [[String: Any]] ?? []
        return parts.compactMap { $0["text"] as? String }.joined()
    }

    private func start(of data: Data) -> String { String(decoding: data.prefix(200), as: UTF8.self) }

    private func withoutKey(_ text: String) -> String { key.map { text.replacing($0, with: "(key)") } ?? text }
}
