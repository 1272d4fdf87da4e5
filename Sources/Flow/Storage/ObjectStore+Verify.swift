public import Artifacts

#if canImport(Glibc)
    import Glibc
#endif

/// What `verify` found.
public struct VerifyReport: Hashable, Sendable {
    /// Something wrong with the store.
    public enum Finding: Hashable, Sendable, CustomStringConvertible {
        /// An object whose bytes or frame are wrong.
        case damaged(Digest, reason: String, quarantine: String?)
        /// An object of an artifact that is not there; the path is nil for the manifest itself.
        case missing(Digest, artifact: Digest, path: String?)
        /// An object that should be a manifest and is not.
        case notAnArtifact(Digest, reason: String)
        /// Something in `objects` that is not an object.
        case stray(path: String)
        /// Something that could not be looked at.
        case unreadable(path: String, reason: String)

        /// What was found, and where.
        public var description: String {
            switch self {
            case .damaged(let digest, let reason, let place):
                "object \(digest) is damaged: \(reason)" + (place.map { "; it was moved to \($0)" } ?? "")
            case .missing(let digest, let artifact, nil):
                digest == artifact ? "the manifest of artifact \(artifact) is missing" : "object \(digest) is missing"
            case .missing(let digest, let artifact, let path?):
                "\(path) of artifact \(artifact) is missing (object \(digest))"
            case .notAnArtifact(let digest, let reason): "object \(digest) is not an artifact: \(reason)"
            case .stray(let path): "\(path) does not belong into the store"
            case .unreadable(let path, let reason): "\(path) cannot be looked at: \(reason)"
            }
        }
    }

    /// In the order of the digests.
    public var findings: [Finding] = []
    /// Objects looked at.
    public var objects = 0
    /// Bytes they take on the disk.
    public var storedBytes = 0
    /// Plain bytes read; 0 unless data were read.
    public var readBytes = 0
}

extension ObjectStore {
    /// Looks at every object, and at all that the given artifacts need.
    ///
    /// Never stops at the first finding. An object that vanishes meanwhile is none.
    /// - Parameters:
    ///   - readData: also decompresses every object and checks its digest.
    ///   - artifacts: whose manifests and files must be there.
    ///   - quarantines: whether damaged objects are moved away, so that the next run makes them again.
    ///   - progress: called after each object with its number and the number of all.
    public func verify(
        readData: Bool, artifacts: [Digest] = [], quarantines: Bool = false,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(StorageError) -> VerifyReport {
        var report = VerifyReport()
        let (found, strays) = try scan()
        report.findings += strays
        for (index, object) in found.enumerated() {
            do throws(StorageError) {
                report.readBytes += try check(object.digest, readData: readData, quarantines: quarantines)
            } catch {
                switch error {
                case .missing: break
                case .damaged(let digest, let reason, let place):
                    report.findings.append(.damaged(digest, reason: reason, quarantine: place))
                default: report.findings.append(.unreadable(path: path(of: object.digest), reason: "\(error)"))
                }
            }
            report.objects += 1
            report.storedBytes += object.storedBytes
            progress(index + 1, found.count)
        }
        for artifact in artifacts { report.findings += lacks(of: artifact, quarantines: quarantines) }
        return report
    }

    private func check(_ digest: Digest, readData: Bool, quarantines: Bool) throws(StorageError) -> Int {
        guard !readData else {
            return try decode(digest, size: nil, limit: .max, quarantines: quarantines) { (_) throws(StorageError) in }
        }
        do {
            _ = try openObject(digest)
            return 0
        } catch let damage as FrameReader.Damage {
            let place = quarantines && !isReadOnly ? try isolate(digest) : nil
            throw .damaged(digest, reason: damage.reason, quarantine: place)
        } catch let error as StorageError {
            throw error
        } catch {
            preconditionFailure("only Damage and StorageError are thrown above: \(error)")
        }
    }

    private func lacks(of artifact: Digest, quarantines: Bool) -> [VerifyReport.Finding] {
        do {
            // Damage was reported with the objects: here it only means that the artifact cannot be had.
            guard contains(artifact) else { return [.missing(artifact, artifact: artifact, path: nil)] }
            var text: [UInt8] = []
            try decode(artifact, size: nil, limit: 64 << 20, quarantines: quarantines) { (bytes) throws(StorageError) in
                text += bytes
            }
            let manifest = try Manifest(canonicalText: String(decoding: text, as: UTF8.self))
            return manifest.entries.filter { !contains($0.digest) }
                .map { .missing($0.digest, artifact: artifact, path: $0.path) }
        } catch StorageError.damaged(_, let reason, let place) {
            return [.damaged(artifact, reason: reason, quarantine: place)]
        } catch let error as ArtifactError {
            return [.notAnArtifact(artifact, reason: "\(error)")]
        } catch {
            return [.unreadable(path: path(of: artifact), reason: "\(error)")]
        }
    }
}
