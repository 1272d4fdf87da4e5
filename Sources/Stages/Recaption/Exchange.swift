import CCurl
import Foundation

/// One HTTP POST and its reply, waited for on the calling thread.
///
/// Follows no redirect, keeps no cookie and no cache, and takes in no more than a caption can need.
final class Exchange {
    struct Request {
        let url: URL
        /// Each a line: `Name: value`.
        let headers: [String]
        let body: Data
    }

    struct Reply {
        let status: Int
        let body: Data
        /// Seconds after which the server wants to be asked again.
        let retryAfter: Double?
    }

    static let limit = 1 << 20
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    private let request: Request
    private let timeout: Double
    private let place: String
    private var received = Data()
    private var retryAfter: Double?

    /// Why libcurl cannot be loaded; nil when it can.
    static var missing: String? { motrans_curl_missing().map { String(cString: $0) } }

    init(_ request: Request, timeout: Double, place: String) {
        self.request = request
        self.timeout = timeout
        self.place = place
    }

    /// Waits for the reply, and looks for cancellation ten times a second.
    func reply(_ checkCancellation: @Sendable () throws -> Void) throws -> Reply {
        guard Exchange.isReady, let easy = curl_easy_init() else { throw EndpointError.library(reason: "no handle") }
        defer { curl_easy_cleanup(easy) }
        guard let multi = curl_multi_init() else { throw EndpointError.library(reason: "no handle") }
        defer { curl_multi_cleanup(multi) }
        let headers = request.headers.reduce(nil) { curl_slist_append($0, $1) }
        defer { curl_slist_free_all(headers) }
        let words = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        defer { words.deallocate() }
        words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        return try request.body.withUnsafeBytes { body in
            try set(easy, headers, body, words)
            curl_multi_add_handle(multi, easy)
            defer { curl_multi_remove_handle(multi, easy) }
            let code = try wait(for: multi, checkCancellation)
            var status = 0
            motrans_curl_get_number(easy, CURLINFO_RESPONSE_CODE, &status)
            if received.count > Exchange.limit { throw EndpointError.tooMuch(place: place, limit: Exchange.limit) }
            if code == CURLE_OPERATION_TIMEDOUT { throw EndpointError.timeout(place: place, seconds: timeout) }
            guard code == CURLE_OK else {
                let reason = String(cString: words[0] == 0 ? curl_easy_strerror(code) : UnsafePointer(words))
                throw status == 0
                    ? EndpointError.unreachable(place: place, reason: reason)
                    : EndpointError.brokenReply(place: place, reason: reason)
            }
            return Reply(status: status, body: received, retryAfter: retryAfter)
        }
    }

    private func set(
        _ easy: UnsafeMutableRawPointer, _ headers: UnsafeMutablePointer<curl_slist>?, _ body: UnsafeRawBufferPointer,
        _ words: UnsafeMutablePointer<CChar>
    ) throws(EndpointError) {
        let milliseconds = Int((timeout * 1000).rounded(.up))
        let this = Unmanaged.passUnretained(self).toOpaque()
        for code in [
            motrans_curl_set_error_buffer(easy, words),
            motrans_curl_set_text(easy, CURLOPT_URL, request.url.absoluteString),
            motrans_curl_set_number(easy, CURLOPT_POST, 1),
            motrans_curl_set_number(easy, CURLOPT_POSTFIELDSIZE, body.count),
            motrans_curl_set_text(easy, CURLOPT_POSTFIELDS, body.baseAddress?.assumingMemoryBound(to: CChar.self)),
            motrans_curl_set_list(easy, CURLOPT_HTTPHEADER, headers),
            motrans_curl_set_text(easy, CURLOPT_USERAGENT, "motrans"),
            // All codings that the library knows.
            motrans_curl_set_text(easy, CURLOPT_ACCEPT_ENCODING, ""),
            motrans_curl_set_number(easy, CURLOPT_TIMEOUT_MS, milliseconds),
            motrans_curl_set_number(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds),
            // Signals would reach whichever thread is there.
            motrans_curl_set_number(easy, CURLOPT_NOSIGNAL, 1),
            motrans_curl_set_writer(easy, { Exchange.of($3).take($0, $1 * $2) }, this),
            motrans_curl_set_header_reader(easy, { Exchange.of($3).readHeader($0, $1 * $2) }, this),
        ] where code != CURLE_OK {
            throw .library(reason: String(cString: curl_easy_strerror(code)))
        }
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> Exchange {
        guard let context else { preconditionFailure("libcurl lost whom it works for") }
        return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
    }

    /// Takes a piece of the body.
    ///
    /// - Returns: How much was taken: less than there is ends the transfer.
    private func take(_ piece: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let piece else { return 0 }
        received.append(Data(bytes: piece, count: count))
        return received.count > Exchange.limit ? 0 : count
    }

    private func readHeader(_ line: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        let text = String(decoding: UnsafeRawBufferPointer(start: line, count: count), as: UTF8.self)
        let parts = text.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        if parts.count == 2, parts[0].lowercased() == "retry-after" {
            retryAfter = Double(parts[1]).flatMap { $0 >= 0 ? $0 : nil }
        }
        return count
    }

    /// The end of the transfer.
    private func wait(
        for multi: UnsafeMutableRawPointer, _ checkCancellation: @Sendable () throws -> Void
    ) throws -> CURLcode {
        var running: Int32 = 1
        while running > 0 {
            var code = curl_multi_perform(multi, &running)
            if code == CURLM_OK, running > 0 { code = curl_multi_poll(multi, nil, 0, 100, nil) }
            guard code == CURLM_OK else {
                throw EndpointError.library(reason: String(cString: curl_multi_strerror(code)))
            }
            try checkCancellation()
        }
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            if message.pointee.msg == CURLMSG_DONE { return message.pointee.data.result }
        }
        preconditionFailure("a transfer that ended has a result")
    }
}
