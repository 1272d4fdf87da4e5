#!/usr/bin/env python3
"""Has the exports of a run read by other people's programs, and validates them against published schemas.

    python3 -m venv .build/readers
    .build/readers/bin/pip install -r Tests/Exports/requirements.txt
    .build/readers/bin/python Tests/Exports/check.py [--motrans BINARY] [--cache DIR] [--run RUN]

Reads: prov (PROV-JSON, and as RDF), openlineage-python (each event through its classes), in-toto-attestation (the
Statement and SLSA's predicate as protocol buffers), securesystemslib (the envelope's signature), rocrate and
roc-validator (the crate, against Provenance Run Crate and all that it stands on), jsonschema. Ends with 0 when all of
them are content. Not part of `make test`: it wants packages that a machine may not have.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCHEMAS = ROOT / "docs" / "schemas"

# What https://w3id.org/ro/terms/workflow-run/context says of the terms that crates of ours use, for machines that cannot
# reach it.
WORKFLOW_RUN = {
    "@context": {
        term: "https://w3id.org/ro/terms/workflow-run#" + term
        for term in ["ParameterConnection", "connection", "resourceUsage", "sourceParameter", "targetParameter", "sha256"]
    }
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--motrans", default=ROOT / ".build" / "release" / "motrans", type=pathlib.Path)
    parser.add_argument("--cache", default=None, help="default: as motrans has it")
    parser.add_argument("--run", default=None, help="default: the latest")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        exports = Exports(options, pathlib.Path(folder))
        for check in [prov, openlineage, in_toto, envelopes, crate]:
            try:
                for line in check(exports):
                    print(f"{check.__name__}: {line}")
            except Exception as error:  # whatever a reader dislikes
                failed = True
                print(f"{check.__name__}: FAILED: {type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)


class Exports:
    """Runs the binary."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder

    def export(self, *arguments):
        command = [self.options.motrans, "export"] + ([self.options.run] if self.options.run else [])
        command += list(arguments) + (["--cache", self.options.cache] if self.options.cache else [])
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(done.stderr.strip())
        return done.stdout


def validate(document, schema):
    """Against a schema of a file, whichever draft it is in."""
    import jsonschema

    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    errors = sorted(kind(schema, format_checker=kind.FORMAT_CHECKER).iter_errors(document), key=str)
    if errors:
        raise ValueError("; ".join(f"{error.json_path}: {error.message[:200]}" for error in errors[:5]))


def load(path):
    return json.loads(path.read_text())


def prov(exports):
    import prov.model

    text = exports.export("--format", "prov")
    validate(json.loads(text), load(HERE / "prov-json.schema.json"))
    yield "valid against the schema of the W3C submission"
    document = prov.model.ProvDocument.deserialize(content=text, format="json")
    again = prov.model.ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert document == again, "what prov writes of it differs from what it read"
    kinds = {kind.__name__: len(list(document.get_records(kind))) for kind in [prov.model.ProvEntity, prov.model.ProvActivity, prov.model.ProvAgent]}
    triples = document.serialize(format="rdf", rdf_format="turtle").count("\n")
    yield f"prov reads {kinds}, {len(document.get_records())} records, and writes {triples} lines of Turtle"


def openlineage(exports):
    from openlineage.client import generated  # noqa: F401
    from openlineage.client.generated import base, dataset_version_dataset, error_message_run, job_type_job
    from openlineage.client.generated import output_statistics_output_dataset, parent_run, processing_engine_run
    from openlineage.client.generated import source_code_job
    from openlineage.client.serde import Serde

    known = {
        "parent": parent_run.ParentRunFacet,
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
        "errorMessage": error_message_run.ErrorMessageRunFacet,
        "jobType": job_type_job.JobTypeJobFacet,
        "sourceCode": source_code_job.SourceCodeJobFacet,
        "version": dataset_version_dataset.DatasetVersionDatasetFacet,
        "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    }

    def facet(name, fields):
        fields = dict(fields)
        schema, producer = fields.pop("_schemaURL"), fields.pop("_producer")
        if name not in known:
            assert name.startswith("motrans_"), f"the facet {name} is of nobody"
            return base.BaseFacet(producer=producer)
        if name == "parent":
            fields["run"] = parent_run.Run(**fields["run"])
            fields["job"] = parent_run.Job(**fields["job"])
        value = known[name](**fields, producer=producer)
        published = value._schemaURL.split("/")[-1]
        assert schema.endswith(published), f"{name} points at {schema}, and is {published}"
        return value

    def facets(values):
        return {name: facet(name, fields) for name, fields in values.items()}

    def dataset(kind, value):
        value = dict(value)
        for key in ["facets", "inputFacets", "outputFacets"]:
            if key in value:
                value[key] = facets(value[key])
        return kind(**value)

    lines = exports.export("--format", "openlineage").splitlines()
    schema = load(SCHEMAS / "openlineage.json")
    states = {}
    for line in lines:
        event = json.loads(line)
        validate(event, schema)
        run = base.Run(runId=event["run"]["runId"], facets=facets(event["run"]["facets"]))
        job = base.Job(namespace=event["job"]["namespace"], name=event["job"]["name"], facets=facets(event["job"]["facets"]))
        read = base.RunEvent(
            eventTime=event["eventTime"], producer=event["producer"], run=run, job=job,
            eventType=base.EventType[event["eventType"]],
            inputs=[dataset(base.InputDataset, one) for one in event["inputs"]],
            outputs=[dataset(base.OutputDataset, one) for one in event["outputs"]])
        written = Serde.to_dict(read)
        for key in ["eventType", "eventTime", "schemaURL"]:
            assert written[key] == event[key], f"{key}: {written[key]} of {event[key]}"
        states.setdefault(event["run"]["runId"], []).append(event["eventType"])
    for identifier, types in states.items():
        assert types[0] == "START" and len(types) == 2, f"run {identifier} has the events {types}"
    yield f"valid against docs/schemas/openlineage.json; openlineage-python reads {len(lines)} events of {len(states)} runs"


def in_toto(exports):
    import google.protobuf.json_format as reader
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    text = exports.export("--format", "in-toto")
    document = json.loads(text)
    validate(document, load(SCHEMAS / "in-toto-statement.json"))
    statement = Statement.copy_from_pb(reader.Parse(text, statement_pb2.Statement()))
    statement.validate()
    predicate = reader.ParseDict(document["predicate"], provenance_pb2.Provenance())
    assert predicate.build_definition.build_type and predicate.run_details.builder.id
    yield (
        f"valid against docs/schemas/in-toto-statement.json; in-toto-attestation reads {len(statement.pb.subject)} subjects, "
        f"{len(predicate.build_definition.resolved_dependencies)} dependencies, built by {predicate.run_details.builder.id}"
    )


def envelopes(exports):
    from cryptography.hazmat.primitives import serialization
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    kinds = [("ed25519", ["-algorithm", "ed25519"]), ("P-256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])]
    for name, algorithm in kinds:
        pem = exports.folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", *algorithm, "-out", pem], check=True, capture_output=True)
        document = json.loads(exports.export("--format", "in-toto", "--sign", str(pem)))
        validate(document, load(SCHEMAS / "dsse-envelope.json"))
        public = serialization.load_pem_private_key(pem.read_bytes(), None).public_key()
        spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        identifier = hashlib.sha256(spki).hexdigest()
        assert document["signatures"][0]["keyid"] == identifier, "the key's name is not its SHA-256"
        key = SSlibKey.from_crypto(public, keyid=identifier)
        payload = base64.b64decode(document["payload"])
        Envelope.from_dict(json.loads(json.dumps(document))).verify([key], 1)
        changed = json.loads(json.dumps(document))
        changed["payload"] = base64.b64encode(payload.replace(b"motrans", b"Motrans", 1)).decode()
        try:
            Envelope.from_dict(changed).verify([key], 1)
        except Exception:
            yield f"{name} ({key.scheme}): securesystemslib verifies the envelope, and refuses one with a changed letter"
        else:
            raise ValueError("a changed payload was verified")


def crate(exports):
    import zipfile

    from rocrate.rocrate import ROCrate

    folder = exports.folder / "crate"
    exports.export("--format", "ro-crate", "--to", str(folder), "--author", "A Person", "--license", "https://spdx.org/licenses/CC0-1.0")
    read = ROCrate(folder)
    described = {entity["@id"]: entity for entity in load(folder / "ro-crate-metadata.json")["@graph"]}
    files = [entity for entity in read.data_entities if "File" in entity["@type"]]
    for entity in files:
        from urllib.parse import unquote

        content = (folder / unquote(entity.id)).read_bytes()
        assert described[entity.id]["sha256"] == hashlib.sha256(content).hexdigest(), entity.id
    yield f"rocrate reads {len(files)} files with the digests told, {len(list(read.contextual_entities))} other entities, main entity {read.mainEntity.id}"
    archive = exports.folder / "crate.zip"
    exports.export("--format", "ro-crate", "--to", str(archive))
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        yield f"zipfile reads {len(opened.namelist())} files of the .zip"
    described = exports.folder / "described"
    exports.export("--format", "ro-crate", "--to", str(described), "--metadata-only", "--author", "A Person")
    for path, name in [(folder, "the folder"), (archive, "the .zip"), (described, "metadata only")]:
        for severity in ["REQUIRED", "RECOMMENDED"]:
            issues = shacl(path, severity)
            if issues and severity == "REQUIRED":
                raise ValueError(f"{name}: roc-validator: " + "; ".join(issues))
            yield f"{name}: roc-validator, provenance-run-crate, {severity}: " + ("; ".join(issues) or "no issue")


def shacl(path, severity):
    """The issues that roc-validator finds."""
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings
    from rocrate_validator.utils import http

    serve_contexts(http)
    settings = ValidationSettings(
        rocrate_uri=str(path), profile_identifier="provenance-run-crate", requirement_severity=Severity[severity],
        abort_on_first=False)
    result = services.validate(settings)
    found = {f"{issue.message}" + (f" ({issue.violatingEntity})" if severity == "REQUIRED" else "") for issue in result.get_issues(Severity[severity])}
    return sorted(found)


def serve_contexts(http):
    """Lets the validator have JSON-LD contexts from here where the network does not give them."""
    import rocrate

    requester = http.HttpRequester
    if "get" in vars(requester):
        return
    # 0.13.0 is the last one with the context of RO-Crate 1.1.
    rocrate_context = load(next((pathlib.Path(rocrate.__file__).parent / "data").glob("ro-crate*.jsonld")))
    class Answer:
        status_code = 200
        headers = {"Content-Type": "application/ld+json"}

        def __init__(self, document):
            self.document, self.text, self.content = document, json.dumps(document), json.dumps(document).encode()

        def json(self):
            return self.document

    def get(self, url, *arguments, **named):
        try:
            answer = self.session.get(url, *arguments, **named)
            if answer.status_code == 200:
                return answer
        except Exception:
            pass
        if "workflow-run" in url:
            return Answer(WORKFLOW_RUN)
        if re.search(r"ro/crate/[0-9.]+/context", url):
            return Answer(rocrate_context)
        raise OSError(f"{url} is out of reach")

    requester.get = get


if __name__ == "__main__":
    main()
