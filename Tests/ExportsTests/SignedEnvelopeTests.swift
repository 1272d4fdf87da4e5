import Exports
import Foundation
import Testing

@Suite struct SignedEnvelopeTests {
    @Test func `what is signed tells the lengths of type and body, so that neither can be moved into the other`() {
        let encoding = String(decoding: SignedEnvelope.encoding(Data("hello world".utf8)), as: UTF8.self)
        #expect(encoding == "DSSEv1 28 application/vnd.in-toto+json 11 hello world")
    }
}
