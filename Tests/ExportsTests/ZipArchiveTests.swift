import Foundation
import Testing
@testable import Exports

@Suite struct ZipArchiveTests {
    @Test func `the checksum is the one that every implementation is tried with`() {
        #expect(ZipArchive.checksum(of: Data("123456789".utf8)) == 0xCBF4_3926)
        #expect(ZipArchive.checksum(of: Data()) == 0)
    }

    @Test func `what goes in lies in the archive as it is, and the directory points at it`() throws {
        var archive = ZipArchive()
        try archive.add("a.txt", Data("first".utf8))
        try archive.add("folder/ü.txt", Data("second".utf8))
        let data = archive.data
        let end = data.suffix(22)
        #expect(end.starts(with: [0x50, 0x4B, 5, 6]))
        func number(_ offset: Int, _ count: Int) -> Int {
            (0..<count).reversed().reduce(0) { $0 << 8 | Int(data[offset + $1]) }
        }
        #expect(number(data.count - 12, 2) == 2)
        var place = number(data.count - 6, 4)
        var found: [String: String] = [:]
        for _ in 0..<2 {
            #expect(number(place, 4) == 0x0201_4B50)
            let (size, name, local) = (number(place + 24, 4), number(place + 28, 2), number(place + 42, 4))
            let path = String(decoding: data[place + 46..<place + 46 + name], as: UTF8.self)
            let start = local + 30 + number(local + 26, 2)
            found[path] = String(decoding: data[start..<start + size], as: UTF8.self)
            place += 46 + name
        }
        #expect(found == ["a.txt": "first", "folder/ü.txt": "second"])
        #expect(place == data.count - 22)
    }
}
