import Foundation
import Logging

/// A server that speaks OpenAI's chat completions with pictures.
///
/// Knows nothing of clips and captions.
///
/// The key is held here and sent to that server alone: redirects are not followed, and neither logs nor errors show it.
struct Endpoint {
    /// What the server said.
    struct Answer: Equatable {
        let text: String
        /// Whether it ended for want of room.
        let isCutOff: Bool
        /// The model's name as the server gives it.
        let model: String?
    }

    private let url: URL
    private let model: String?
    private let key: String?
    private let timeout: Double
    private let retries: Int

    init(_ settings: RecaptionStage.Settings, environment: [String: String]) throws(EndpointError) {
        guard let text = settings.endpoint, !text.isEmpty else { throw .noEndpoint }
        if let missing = Exchange.missing { throw .library(reason: "\(missing); install the package that has it") }
        guard var url = URL(string: text), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = url.host(), !host.isEmpty
        else { throw .badURL(text) }
        guard url.user() == nil, url.password() == nil, url.query() == nil else { throw .secretInURL }
        if !url.path().hasSuffix("/chat/completions") { url = url.appending(path: "chat/completions") }
        self.url = url
        if let name = settings.keyVariable {
            guard let value = environment[name], !value.isEmpty else { throw .noKey(variable: name) }
            guard !value.contains(where: \.isNewline) else { throw .badKey(variable: name) }
            key = value
        } else {
            key = nil
        }
        model = settings.endpointModel
        timeout = settings.timeout
        retries = settings.retries
    }

    /// The server, for people.
    var place: String { "\(url.scheme ?? "http")://\(url.host() ?? "")\(url.port.map { ":\($0)" } ?? "")" }

    /// Whether the key goes over a network without encryption.
    var sendsKeyInTheOpen: Bool {
        let host = url.host() ?? ""
        let isHere = host == "localhost" || host == "::1" || host == "[::1]" || host.hasPrefix("127.")
        return key != nil && url.scheme?.lowercased() == "http" && !isHere
    }

    /// Asks about a picture.
    ///
    /// Tries again what may pass, each time after twice the pause; throws the last error.
    func ask(
        _ question: String, about png: [UInt8], pause: Double, log: Logger,
        checkCancellation: @Sendable () throws -> Void
    ) throws -> Answer {
        let request = try request(question, png)
        var wait = pause
        for attempt in 0... {
            do {
                return try answer(to: request, checkCancellation)
            } catch let error as EndpointError where error.mayPass && attempt < retries {
                let pause = min(error.retryAfter ?? wait, 60)
                log.warning("\(error.description); trying again in \(pause) s")
                let end = Date(timeIntervalSinceNow: pause)
                while Date() < end {
                    try checkCancellation()
                    Thread.sleep(forTimeInterval: min(0.05, max(end.timeIntervalSinceNow, 0)))
                }
                wait *= 2
            }
        }
        preconditionFailure("the attempts have no end")
    }

    private func request(_ question: String, _ png: [UInt8]) throws -> Exchange.Request {
        let image = "data:image/png;base64," + Data(png).base64EncodedString()
        var body: [String: Any] = [
            "temperature": 0, "max_tokens": 300, "stream": false,
            "messages": [
                [
                    "role": "user",
                    "content": [
                        ["type": "text", "text": question] as [String: Any],
                        ["type": "image_url", "image_url": ["url": image]],
                    ],
                ] as [String: Any]
            ],
        ]
        if let model { body["model"] = model }
        // Without the last, libcurl sends the picture only when the server has agreed to receive it.
        var headers = ["Content-Type: application/json", "Expect:"]
        if let key { headers.append("Authorization: Bearer \(key)") }
        return Exchange.Request(
            url: url, headers: headers, body: try JSONSerialization.data(withJSONObject: body, options: [.sortedKeys]))
    }

    private func answer(to request: Exchange.Request, _ checkCancellation: @Sendable () throws -> Void) throws -> Answer
    {
        let reply = try Exchange(request, timeout: timeout, place: place).reply(checkCancellation)
        return try ChatReply(
            status: reply.status, body: reply.body, retryAfter: reply.retryAfter, place: place, key: key
        )
        .answer()
    }
}

/// What can go wrong with an endpoint.
///
/// `description` is the sentence for people; a key is never in it.
enum EndpointError: Error, Hashable, CustomStringConvertible {
    case noEndpoint
    case badURL(String)
    case secretInURL
    case noKey(variable: String)
    case badKey(variable: String)
    case library(reason: String)
    case unreachable(place: String, reason: String)
    case brokenReply(place: String, reason: String)
    case timeout(place: String, seconds: Double)
    case tooMuch(place: String, limit: Int)
    case redirect(place: String, status: Int)
    case status(place: String, status: Int, message: String, retryAfter: Double?)
    case notChat(place: String, reason: String)

    /// Whether another try may go better.
    var mayPass: Bool {
        switch self {
        case .unreachable, .brokenReply, .timeout: true
        case .status(_, let status, _, _): [408, 425, 429].contains(status) || status >= 500
        default: false
        }
    }

    var retryAfter: Double? {
        if case .status(_, _, _, let seconds) = self { seconds } else { nil }
    }

    /// The setting that it is about.
    var setting: String {
        switch self {
        case .noKey, .badKey: "key-variable"
        default: "endpoint"
        }
    }

    var description: String {
        switch self {
        case .noEndpoint: "captioner: endpoint needs `endpoint:`, such as http://127.0.0.1:8080/v1"
        case .badURL(let text): "'\(text)' is no http or https address"
        case .secretInURL:
            "endpoint has a user, a password or a query in it: a key comes from the variable that key-variable names"
        case .noKey(let variable): "the environment variable \(variable), which should hold the key, is not set"
        case .badKey(let variable): "the key in the environment variable \(variable) has a line break in it"
        case .library(let reason): "captioner: endpoint speaks through libcurl, which cannot be used: \(reason)"
        case .unreachable(let place, let reason): "\(place) cannot be reached: \(reason)"
        case .brokenReply(let place, let reason):
            "\(place) sends an answer that breaks off or cannot be read: \(reason)"
        case .timeout(let place, let seconds): "\(place) has not answered within \(seconds) s"
        case .tooMuch(let place, let limit): "\(place) answers with more than \(limit >> 10) KiB"
        case .redirect(let place, let status):
            "\(place) sends us elsewhere (HTTP \(status)), which is not followed: name the right address"
        case .status(let place, let status, let message, _): "\(place) answers HTTP \(status): \(message)"
        case .notChat(let place, let reason): "\(place) does not answer as chat completions do: \(reason)"
        }
    }
}
