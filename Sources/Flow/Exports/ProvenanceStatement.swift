public import Artifacts
public import Foundation
public import Lineage

/// An in-toto Statement (version 1) with a SLSA provenance predicate (version 1): which files came out of a run, and
/// all that went into it.
///
/// Sources: the in-toto Attestation Framework, `spec/v1/statement.md`; SLSA 1.0, `provenance/v1`. What SLSA leaves to
/// the builder is told in `docs/exports.md`.
public struct ProvenanceStatement: Sendable {
    /// The document.
    public let value: Value

    /// The statement of a run that succeeded.
    ///
    /// - Throws: `ExportError.unfinished` for any other.
    public init(_ account: RunAccount) throws(ExportError) {
        let subjects = account.results.flatMap { output in
            account.entries(of: output.use.artifact).map { entry in
                Self.descriptor(entry, name: "\(output.name)/\(entry.path)")
            }
        }
        guard account.run.outcome == .succeeded, !subjects.isEmpty else {
            throw .unfinished(account.run.id, account.run.outcome)
        }
        value = .map([
            "_type": "https://in-toto.io/Statement/v1", "subject": .list(subjects),
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": .map([
                "buildDefinition": Self.definition(account), "runDetails": Self.details(account),
            ]),
        ])
    }

    private static func definition(_ account: RunAccount) -> Value {
        let run = account.run.run
        let pipeline = Value.map([
            "name": .string(account.pipelineFile), "mediaType": "application/yaml",
            "digest": .map(["sha256": .string(account.pipelineDigest.hex)]),
        ])
        let sources = account.inputs.flatMap { artifact in
            account.entries(of: artifact).map { descriptor($0, name: account.name(of: $0)) }
        }
        let models = account.models.map { model in
            Value.map([
                "name": .string("models/\(model.part)"), "digest": .map([folderDigest: .string(model.digest.hex)]),
            ])
        }
        let attempts = account.stepNames.compactMap { account.attempt(at: $0) }
        let steps = Dictionary(attempts.map { ($0.attempt.step, step($0, account)) }) { $1 }
        return .map([
            "buildType": "urn:motrans:pipeline-run:1",
            "externalParameters": .map([
                "pipeline": .string(run.pipeline), "file": .string(account.pipelineFile), "text": .string(run.text),
                "arguments": .list(account.arguments), "environment": .map(run.environment.mapValues(Value.string)),
            ]),
            "internalParameters": .map(["steps": .map(steps)]),
            "resolvedDependencies": .list([pipeline] + sources + models),
        ])
    }

    /// The name that digests of a model's folder have: SHA-256 of the canonical list of its files and their digests.
    static let folderDigest = "motransFolder"

    private static func step(_ attempt: AttemptRecord, _ account: RunAccount) -> Value {
        .map(present: [
            "stage": .string(attempt.attempt.stage), "version": .int(attempt.attempt.stageVersion),
            "key": .string(attempt.key.hex), "attempt": .string(attempt.id.text),
            "settings": .map(Dictionary(attempt.settings.map { ($0.name, $0.value) }) { $1 }),
            "element": attempt.attempt.element, "reused": .bool(account.isReused(attempt)),
        ])
    }

    private static func details(_ account: RunAccount) -> Value {
        let results = Set(account.results.map(\.use.artifact))
        let byproducts = account.outputs.filter { !results.contains($0.use.artifact) }.map { output in
            Value.map([
                "name": .string(output.name), "mediaType": "application/vnd.motrans.manifest+json",
                "digest": .map(["sha256": .string(output.use.artifact.hex)]),
            ])
        }
        // Signed with the rest, it shows later whether a record up to this run was changed (`verify --chain --head`).
        let chain = account.link.map { link in
            Value.map([
                "name": "the chain of lineage records up to this run",
                "digest": .map(["sha256": .string(link.digest.hex)]),
            ])
        }
        let kernels = Set(account.attempts.map(\.usage.kernels)).subtracting([""]).sorted().joined(separator: " / ")
        return .map([
            "builder": .map([
                "id": "urn:motrans:builder:local", "version": .map(["motrans": .string(account.run.run.toolVersion)]),
                "builderDependencies": .list(
                    kernels.isEmpty ? [] : [.map(["name": .string(kernels), "uri": "urn:motrans:kernels"])]),
            ]),
            "metadata": .map([
                "invocationId": .string(account.run.id.text), "startedOn": .time(account.run.run.started),
                "finishedOn": .time(account.ended),
            ]),
            "byproducts": .list(byproducts + [chain].compactMap { $0 }),
        ])
    }

    private static func descriptor(_ entry: Manifest.Entry, name: String) -> Value {
        .map([
            "name": .string(name), "mediaType": .string(entry.mediaType),
            "digest": .map(["sha256": .string(entry.digest.hex)]),
        ])
    }
}

/// A signed document: a DSSE envelope (version 1.0.2 of its specification) around a Statement.
public struct SignedEnvelope {
    /// The document.
    public let value: Value

    /// Signs a statement.
    public init(_ statement: ProvenanceStatement, with key: SigningKey) {
        let payload = Data(statement.value.lineText.utf8)
        let signature = key.signature(of: Self.encoding(payload))
        value = .map([
            "payloadType": .string(Self.payloadType), "payload": .string(payload.base64EncodedString()),
            "signatures": .list([
                .map(["keyid": .string(key.id.hex), "sig": .string(signature.base64EncodedString())])
            ]),
        ])
    }

    static let payloadType = "application/vnd.in-toto+json"

    /// What is signed, the pre-authentication encoding: `DSSEv1 LENGTH TYPE LENGTH BODY`.
    public static func encoding(_ payload: Data) -> Data {
        Data("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }
}
