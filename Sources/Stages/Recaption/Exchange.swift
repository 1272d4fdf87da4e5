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
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    private let request: Request
    private let timeout: Double
    private var received = Data()

    init(_ request: Request, timeout: Double) {
        self.request = request
        self.timeout = timeout
    }

    /// Waits for the reply, and looks for cancellation ten times a second.
    func reply(_ checkCancellation: @Sendable () throws -> Void, place: String) throws -> Reply {
        if let missing = motrans_curl_missing() {
            throw EndpointError.noLibrary(reason: String(cString: missing))
        }
        guard Exchange.isReady, let easy = curl_easy_init(), let multi = curl_multi_init() else {
            throw EndpointError.noLibrary(reason: "it does not start")
        }
        defer { curl_easy_cleanup(easy) }
        defer { curl_multi_cleanup(multi) }
        let headers = request.headers.reduce(nil) { curl_slist_append($0, $1) }
        defer { curl_slist_free_all(headers) }
        return try request.body.withUnsafeBytes { body in
            try set(easy, headers, body)
            curl_multi_add_handle(multi, easy)
            defer { curl_multi_remove_handle(multi, easy) }
            let code = try wait(for: easy, in: multi, checkCancellation)
            if received.count > Exchange.limit { throw EndpointError.tooMuch(place: place, limit: Exchange.limit) }
            if code == CURLE_OPERATION_TIMEDOUT { throw EndpointError.timeout(place: place, seconds: timeout) }
            guard code == CURLE_OK else {
                throw EndpointError.unreachable(place: place, reason: String(cString: curl_easy_strerror(code)))
            }
            var status = 0
            motrans_curl_get_number(easy, CURLINFO_RESPONSE_CODE, &status)
            var seconds: curl_off_t = 0
            motrans_curl_get_offset(easy, CURLINFO_RETRY_AFTER, &seconds)
            return Reply(status: status, body: received, retryAfter: seconds > 0 ? Double(seconds) : nil)
        }
    }

    private func set(
        _ easy: UnsafeMutableRawPointer, _ headers: UnsafeMutablePointer<curl_slist>?, _ body: UnsafeRawBufferPointer
    ) throws {
        motrans_curl_set_text(easy, CURLOPT_URL, request.url.absoluteString)
        motrans_curl_set_number(easy, CURLOPT_POST, 1)
        motrans_curl_set_number(easy, CURLOPT_POSTFIELDSIZE, body.count)
        motrans_curl_set_text(easy, CURLOPT_POSTFIELDS, body.baseAddress?.assumingMemoryBound(to: CChar.self))
        motrans_curl_set_list(easy, CURLOPT_HTTPHEADER, headers)
        motrans_curl_set_number(easy, CURLOPT_TIMEOUT_MS, Int((timeout * 1000).rounded(.up)))
        // Signals would reach whichever thread is there.
        motrans_curl_set_number(easy, CURLOPT_NOSIGNAL, 1)
        motrans_curl_set_writer(
            easy,
            { piece, size, count, context in
                let exchange = Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue()
                exchange.received.append(Data(bytes: piece!, count: size * count))
                return exchange.received.count > Exchange.limit ? 0 : size * count
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// The end of the transfer.
    private func wait(
        for easy: UnsafeMutableRawPointer, in multi: UnsafeMutableRawPointer,
        _ checkCancellation: @Sendable () throws -> Void
    ) throws -> CURLcode {
        var running: Int32 = 1
        while running > 0 {
            var code = curl_multi_perform(multi, &running)
            if code == CURLM_OK, running > 0 { code = curl_multi_poll(multi, nil, 0, 100, nil) }
            guard code == CURLM_OK else {
                throw EndpointError.noLibrary(reason: String(cString: curl_multi_strerror(code)))
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
