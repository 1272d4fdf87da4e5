import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// One HTTP request and its reply, waited for on the calling thread.
///
/// Follows no redirect, keeps no cookie and no cache, and takes in no more than a caption can need.
final class Exchange: NSObject, URLSessionDataDelegate {
    struct Reply {
        let status: Int
        let body: Data
        let retryAfter: Double?
    }

    private struct State {
        var body = Data()
        var response: HTTPURLResponse?
        var failure: URLError.Code?
        var reason = ""
        var isTooMuch = false
    }

    static let limit = 1 << 20
    private let request: URLRequest
    private let timeout: Double
    private let state = Mutex(State())
    private let done = DispatchSemaphore(value: 0)

    init(_ request: URLRequest, timeout: Double) {
        self.request = request
        self.timeout = timeout
    }

    /// Waits for the reply, and looks for cancellation ten times a second.
    func reply(_ checkCancellation: @Sendable () throws -> Void, place: String) throws -> Reply {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpCookieStorage = nil
        configuration.urlCache = nil
        configuration.timeoutIntervalForRequest = timeout
        let session = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
        defer { session.invalidateAndCancel() }
        let task = session.dataTask(with: request)
        let end = Date(timeIntervalSinceNow: timeout)
        task.resume()
        while done.wait(timeout: .now() + 0.1) == .timedOut {
            try checkCancellation()
            // The session's own limit starts anew with each byte that drips in.
            if Date() > end { throw EndpointError.timeout(place: place, seconds: timeout) }
        }
        return try state.withLock { state throws in
            if state.isTooMuch { throw EndpointError.tooMuch(place: place, limit: Exchange.limit) }
            if state.failure == .timedOut { throw EndpointError.timeout(place: place, seconds: timeout) }
            guard state.failure == nil, let response = state.response else {
                throw EndpointError.unreachable(place: place, reason: state.reason)
            }
            return Reply(
                status: response.statusCode, body: state.body,
                retryAfter: response.value(forHTTPHeaderField: "Retry-After").flatMap(Double.init))
        }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        state.withLock { $0.response = response as? HTTPURLResponse }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isTooMuch = state.withLock { state in
            state.body.append(data)
            state.isTooMuch = state.body.count > Exchange.limit
            return state.isTooMuch
        }
        if isTooMuch { dataTask.cancel() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        state.withLock { state in
            if state.response == nil { state.response = task.response as? HTTPURLResponse }
            guard let error else { return }
            state.failure = (error as? URLError)?.code ?? .unknown
            state.reason = error.localizedDescription
        }
        done.signal()
    }
}
