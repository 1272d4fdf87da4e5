import Foundation
import Synchronization

/// A server on 127.0.0.1 that answers each request by the next line of a script, and behaves as badly as told.
final class CaptionServer: Sendable {
    enum Reply: Sendable {
        /// A caption as servers send it.
        case caption(String, finish: String = "stop")
        /// The same, coded as some servers do unasked.
        case gzip(String)
        /// Any status, headers and body.
        case raw(Int, [String: String] = [:], String)
        /// Takes the request and closes the connection.
        case hangUp
        /// Says nothing for so many seconds, then closes.
        case silence(Double)
        /// A sound header, then a byte now and then for ever.
        case drip
        /// More than anybody wants.
        case flood
    }

    struct Request: Sendable {
        let head: String
        let body: Data
        var json: [String: Any]? { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] }
    }

    private struct State {
        var script: [Reply]
        var requests: [Request] = []
    }

    let port: UInt16
    private let socket: Int32
    private let state: Mutex<State>

    init(_ script: [Reply]) throws {
        state = Mutex(State(script: script))
        #if canImport(Glibc)
            socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            socket = Foundation.socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (descriptor, size) = (socket, length)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard descriptor >= 0, bound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in serve() }.start()
    }

    /// What `endpoint:` says.
    var address: String { "http://127.0.0.1:\(port)/v1" }

    var requests: [Request] { state.withLock { $0.requests } }

    /// Answers nobody from now on.
    func stop() {
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
    }

    private func serve() {
        while true {
            let connection = accept(socket, nil, nil)
            guard connection >= 0 else { return }
            Thread { [self] in
                answer(connection)
                close(connection)
            }.start()
        }
    }

    private func answer(_ connection: Int32) {
        guard let request = receive(connection) else { return }
        let reply = state.withLock { state in
            state.requests.append(request)
            return state.script.isEmpty ? Reply.raw(500, [:], "the script is over") : state.script.removeFirst()
        }
        switch reply {
        case .caption(let text, let finish): send(connection, 200, [:], Self.body(text, finish))
        case .gzip(let text):
            send(connection, 200, ["Content-Encoding": "gzip"], Self.gzip(Self.body(text, "stop")))
        case .raw(let status, let headers, let body): send(connection, status, headers, Array(body.utf8))
        case .hangUp: return
        case .silence(let seconds): Thread.sleep(forTimeInterval: seconds)
        case .drip:
            var isOpen = write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while isOpen {
                Thread.sleep(forTimeInterval: 0.05)
                isOpen = write(connection, " ")
            }
        case .flood:
            var isOpen = write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            let block = String(repeating: "x", count: 65_536)
            while isOpen { isOpen = write(connection, block) }
        }
    }

    private static func body(_ text: String, _ finish: String) -> [UInt8] {
        let answer: [String: Any] = [
            "model": "tiny-llava-q4",
            "choices": [["message": ["role": "assistant", "content": text], "finish_reason": finish]],
        ]
        return Array((try? JSONSerialization.data(withJSONObject: answer)) ?? Data())
    }

    /// RFC 1952, with one block that is stored as it is.
    private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        func little(_ number: UInt32, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
        }
        var check = UInt32.max
        for byte in bytes {
            check ^= UInt32(byte)
            for _ in 0..<8 { check = check & 1 == 1 ? check >> 1 ^ 0xEDB8_8320 : check >> 1 }
        }
        let size = UInt32(bytes.count)
        let head: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1]
        return head + little(size, 2) + little(~size, 2) + bytes + little(~check, 4) + little(size, 4)
    }

    private func receive(_ connection: Int32) -> Request? {
        var data = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let end = Data("\r\n\r\n".utf8)
        while true {
            if let range = data.range(of: end) {
                let head = String(decoding: data[..<range.lowerBound], as: UTF8.self)
                let length = head.lowercased().components(separatedBy: "content-length: ").dropFirst().first
                    .flatMap { Int($0.prefix { $0.isNumber }) }
                let body = data[range.upperBound...]
                if body.count >= length ?? 0 { return Request(head: head, body: Data(body)) }
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            data.append(contentsOf: buffer[..<count])
        }
    }

    private func send(_ connection: Int32, _ status: Int, _ headers: [String: String], _ body: [UInt8]) {
        let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        let head = "HTTP/1.1 \(status) Status\r\n\(lines)Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        _ = write(connection, Array(head.utf8) + body)
    }

    private func write(_ connection: Int32, _ text: String) -> Bool { write(connection, Array(text.utf8)) }

    private func write(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let sent = Array(bytes).withUnsafeBytes {
                Foundation.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            bytes = bytes.dropFirst(sent)
        }
        return true
    }
}
