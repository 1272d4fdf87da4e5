public import Artifacts
import Foundation
import GRDB

/// Whether the records are those that were chained.
public struct ChainCheck: Sendable {
    /// Something that is not as it was recorded.
    public struct Finding: Hashable, Sendable {
        /// What happened to it.
        public enum Kind: String, Hashable, Sendable {
            /// A record says something else than when it was chained.
            case edited
            /// A record that was chained is gone.
            case dropped
            /// A record is there that was never chained.
            case added
            /// A link does not follow from the one before it.
            case broken
            /// What is written beside the database says something else.
            case differs
        }

        /// What happened.
        public let kind: Kind
        /// Which record, where, and what to think of it.
        public let message: String
    }

    /// Links that were looked at.
    public let links: Int
    /// The digest of the last one: kept elsewhere, it shows later whether the end of the chain was cut off.
    public let head: Digest
    /// All that is wrong, in the order of the chain.
    public let findings: [Finding]
    /// What was written down and is in no link, though the chain went on.
    ///
    /// A crash or a power cut undid it, unless somebody cut off the end of the chain: a head that was kept tells which.
    public let notes: [String]
}

extension LineageDatabase {
    /// Compares every record with the chain, every link with the one before, and both with what is written beside the
    /// database.
    ///
    /// Whoever can write all three can make a chain that holds: keep its head elsewhere (an export is signed with it) to
    /// tell.
    ///
    /// - Parameter known: a head that somebody kept: it must be a link of this chain.
    public func checkChain(including known: Digest? = nil) throws -> ChainCheck {
        // What runs write meanwhile is in the files before it is in the database, or the other way round for who looks at
        // the one after the other: such findings are gone when one looks again.
        for _ in 0..<10 {
            let check = try checkOnce(including: known)
            let isQuiet = try read { try $0.database.row("SELECT 1 FROM runs WHERE outcome = 'running'") } == nil
            if check.findings.isEmpty || isQuiet { return check }
            Thread.sleep(forTimeInterval: 0.1)
        }
        return try checkOnce(including: known)
    }

    private func checkOnce(including known: Digest?) throws -> ChainCheck {
        let (written, _) = RecordFiles.readAll(in: file.deletingLastPathComponent())
        return try read { reader in
            var findings: [ChainCheck.Finding] = []
            let links = try Self.links(reader, &findings)
            var last: [String: ChainLink] = [:]
            for link in links { last[link.name] = link }
            for link in links where last[link.name] == link {
                try findings += Self.compare(link, reader)
            }
            for kind in RecordKind.allCases {
                for subject in try reader.subjects(kind) where last["\(kind.rawValue) \(subject)"] == nil {
                    findings.append(
                        .init(kind: .added, message: "\(kind.rawValue) \(subject) is in no link of the chain"))
                }
            }
            var notes: [String] = []
            findings += try Self.compare(written, with: links, reader, &notes)
            let head = links.last?.digest ?? ChainLink.start
            if let known, !links.contains(where: { $0.digest == known }) {
                findings.append(
                    .init(kind: .dropped, message: "the head \(known.short)… that you kept is no link of this chain"))
            }
            return ChainCheck(links: links.count, head: head, findings: findings, notes: notes)
        }
    }

    /// The links as they are, each compared with the one before it.
    private static func links(_ reader: LineageReader, _ findings: inout [ChainCheck.Finding]) throws -> [ChainLink] {
        let links = try reader.chain()
        var (sequence, previous) = (0, ChainLink.start)
        for link in links {
            let name = "link \(link.sequence) (\(link.name))"
            if link.sequence != sequence + 1 {
                let gone = link.sequence - sequence - 1
                findings.append(
                    .init(
                        kind: .dropped, message: "\(gone) \(gone == 1 ? "link is" : "links are") missing before \(name)"
                    ))
            } else if link.previous != previous {
                findings.append(.init(kind: .broken, message: "\(name) does not follow from the link before it"))
            }
            let digest = try ChainLink.digest(
                link.sequence, link.kind.rawValue, link.subject, content: link.content, previous: link.previous)
            if digest != link.digest { findings.append(.init(kind: .broken, message: "\(name) was changed")) }
            (sequence, previous) = (link.sequence, link.digest)
        }
        return links
    }

    /// Compares a record with the last link about it.
    private static func compare(_ link: ChainLink, _ reader: LineageReader) throws -> [ChainCheck.Finding] {
        let name = link.name
        guard let record = try reader.record(link.kind, link.subject) else {
            // A pin that was taken away is chained as nothing.
            guard Digest(of: "null") != link.content else { return [] }
            return [.init(kind: .dropped, message: "\(name) is gone: link \(link.sequence) has it")]
        }
        let text: String
        do { text = try record.canonicalText() } catch {
            return [.init(kind: .edited, message: "\(name) cannot be read: \(error)")]
        }
        guard Digest(of: text) != link.content else { return [] }
        return [.init(kind: .edited, message: "\(name) was changed after it was recorded in link \(link.sequence)")]
    }

    private static func compare(
        _ written: [RecordFiles.Line], with links: [ChainLink], _ reader: LineageReader, _ notes: inout [String]
    ) throws -> [ChainCheck.Finding] {
        // The last word on each thing counts. A line that no link has, and whose number another link took, is of a
        // transaction that a crash or a power cut undid; or somebody cut off the end of the chain before it grew again.
        let known = Set(links.map(\.digest))
        let taken = Set(links.map(\.sequence))
        var lines: [String: RecordFiles.Line] = [:]
        for line in written.sorted(by: { $0.sequence < $1.sequence }) {
            let name = line.name
            if known.contains(line.link) || !taken.contains(line.sequence) {
                lines[name] = line
            } else {
                notes.append("\(name) was written down (records/\(line.file):\(line.number)) and did not stay")
            }
        }
        var last: [String: ChainLink] = [:]
        for link in links { last[link.name] = link }
        var findings: [ChainCheck.Finding] = []
        for (name, line) in lines.sorted(by: { $0.value.sequence < $1.value.sequence }) {
            guard let link = last[name] else {
                if try reader.isOpen(line.kind, line.subject) { continue }
                findings.append(
                    .init(kind: .dropped, message: "\(name) is in records/\(line.file), and in no link of the chain"))
                continue
            }
            if link.content != line.content {
                findings.append(
                    .init(
                        kind: .differs, message: "\(name) is not as records/\(line.file) has it in line \(line.number)")
                )
            }
        }
        for line in written where try !line.isIntact {
            findings.append(
                .init(
                    kind: .differs,
                    message:
                        "line \(line.number) of records/\(line.file) (\(line.name)) was changed"
                ))
        }
        for link in links where lines[link.name] == nil {
            findings.append(
                .init(kind: .differs, message: "\(link.name) is not written down in records/"))
        }
        return findings
    }
}

extension LineageReader {
    /// Whether something has not ended: its process may have died between the line and the commit.
    fileprivate func isOpen(_ kind: RecordKind, _ subject: String) throws -> Bool {
        switch kind {
        case .attempt: try attempt(AttemptID(subject))?.outcome == .running
        case .run: try run(RunID(subject))?.outcome == .running
        case .artifact, .source, .eviction, .revocation, .pin, .delivery, .fingerprint: false
        }
    }
}
