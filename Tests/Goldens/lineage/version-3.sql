-- A lineage database of version 3, with a row of every kind that matters.
PRAGMA foreign_keys = OFF;
CREATE TABLE artifact_files (
    artifact TEXT NOT NULL REFERENCES artifacts (digest) ON DELETE CASCADE, path TEXT NOT NULL,
    digest TEXT NOT NULL, size INTEGER NOT NULL, type TEXT NOT NULL,
    PRIMARY KEY (artifact, path)
) WITHOUT ROWID;
INSERT INTO "artifact_files" VALUES('05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f','0.bin','277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9',5,'text/plain');
CREATE TABLE artifacts (
    digest TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, size INTEGER NOT NULL, attributes TEXT NOT NULL,
    recorded INTEGER NOT NULL
);
INSERT INTO "artifacts" VALUES('05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f','file',5,'null',1790000001000);
CREATE TABLE attempt_inputs (
    attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, port TEXT NOT NULL,
    position INTEGER NOT NULL, artifact TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (attempt, port, position)
) WITHOUT ROWID;
INSERT INTO "attempt_inputs" VALUES('attempt-1','in',0,'05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f','file');
CREATE TABLE attempt_models (
    attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, part TEXT NOT NULL,
    digest TEXT NOT NULL, path TEXT NOT NULL,
    PRIMARY KEY (attempt, part)
) WITHOUT ROWID;
INSERT INTO "attempt_models" VALUES('attempt-1','unet','9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4','/models/unet');
CREATE TABLE attempt_outputs (
    attempt TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE, port TEXT NOT NULL,
    position INTEGER NOT NULL, artifact TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (attempt, port, position)
) WITHOUT ROWID;
INSERT INTO "attempt_outputs" VALUES('attempt-0','out',0,'05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f','file');
CREATE TABLE attempts (
    id TEXT PRIMARY KEY NOT NULL, run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step TEXT NOT NULL, stage TEXT NOT NULL, stage_version INTEGER NOT NULL,
    key TEXT NOT NULL, record TEXT NOT NULL, element TEXT, cause TEXT NOT NULL,
    outcome TEXT NOT NULL, error TEXT, log TEXT NOT NULL DEFAULT '',
    started INTEGER NOT NULL, ended INTEGER,
    wall_seconds REAL NOT NULL DEFAULT 0, cpu_seconds REAL NOT NULL DEFAULT 0,
    peak_memory INTEGER NOT NULL DEFAULT 0, kernels TEXT NOT NULL DEFAULT '',
    threads INTEGER NOT NULL DEFAULT 0
, setting_places TEXT NOT NULL DEFAULT '{}');
INSERT INTO "attempts" VALUES('attempt-0','20260901-120000-abcdef','frames','command',1,'9cdbefb7a3a31b10d58ee66c04a3310d1d2d0763f09b8f16ce5846d6569cb020','stage = "command"
n = 0
',NULL,'new step','succeeded',NULL,'info: log
',1790000000000,1790000001000,1.0,0.5,1000,'avx2',2,'{}');
INSERT INTO "attempts" VALUES('attempt-1','20260901-120000-abcdef','motion','command',1,'f9be6844255505ef67840383bd71f23d7c26194ce8d3fc7d3b0f406490a41388','stage = "command"
n = 1
',NULL,'new step','failed','it broke','info: log
',1790000000000,1790000001000,1.0,0.5,1000,'avx2',2,'{"rank":"golf.yaml:3:4"}');
CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "counters" VALUES('lease',3);
CREATE TABLE evictions (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL, bytes INTEGER NOT NULL, reason TEXT NOT NULL,
    date INTEGER NOT NULL
);
INSERT INTO "evictions" VALUES(1,'283bb9deef02e6843abfb538efa1eca70801bd8a701c3f98191e123496339247',7,'gc',1790000003000);
CREATE TABLE leases (
    key TEXT PRIMARY KEY NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL, space TEXT NOT NULL,
    pid INTEGER NOT NULL, process_started INTEGER NOT NULL,
    token INTEGER NOT NULL, beat INTEGER NOT NULL, acquired INTEGER NOT NULL, heartbeat INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE pins (
    kind TEXT NOT NULL, target TEXT NOT NULL, note TEXT NOT NULL, date INTEGER NOT NULL,
    PRIMARY KEY (kind, target)
) WITHOUT ROWID;
INSERT INTO "pins" VALUES('artifact','05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f','the best',1790000002000);
CREATE TABLE revocations (
    kind TEXT NOT NULL, target TEXT NOT NULL, reason TEXT NOT NULL, date INTEGER NOT NULL,
    PRIMARY KEY (kind, target)
) WITHOUT ROWID;
CREATE TABLE run_steps (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, step TEXT NOT NULL, stage TEXT NOT NULL,
    decision TEXT NOT NULL, cause TEXT, attempt TEXT,
    PRIMARY KEY (run, step)
);
INSERT INTO "run_steps" VALUES('20260901-120000-abcdef','frames','command','run','new step','attempt-0');
INSERT INTO "run_steps" VALUES('20260901-120000-abcdef','motion','command','run','new step','attempt-1');
CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL, pipeline TEXT NOT NULL, file TEXT NOT NULL, text TEXT NOT NULL,
    command_line TEXT NOT NULL, tool_version TEXT NOT NULL,
    host TEXT NOT NULL, boot TEXT NOT NULL, space TEXT NOT NULL, pid INTEGER NOT NULL,
    process_started INTEGER NOT NULL,
    started INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL
, environment TEXT NOT NULL DEFAULT '{}');
INSERT INTO "runs" VALUES('20260901-120000-abcdef','golf','golf.yaml','name: golf','["motrans","run"]','0.1.0','host','boot','',1,2,1790000000000,1790000001000,'succeeded','{"WORD":"one"}');
CREATE TABLE sources (
    path TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
    first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    PRIMARY KEY (path, digest)
) WITHOUT ROWID;
INSERT INTO "sources" VALUES('/clips/a.mp4','41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d',5,1790000000000,1790000000000);
CREATE TABLE stat_cache (
    path TEXT PRIMARY KEY NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
    mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, digest TEXT NOT NULL, recorded INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_outcome ON runs (outcome);
CREATE INDEX runs_pipeline ON runs (pipeline, id);
CREATE INDEX attempts_key ON attempts (key, outcome, id);
CREATE INDEX attempts_step ON attempts (step, id);
CREATE INDEX attempts_run ON attempts (run, id);
CREATE INDEX artifact_files_digest ON artifact_files (digest);
CREATE INDEX attempt_inputs_artifact ON attempt_inputs (artifact);
CREATE INDEX attempt_outputs_artifact ON attempt_outputs (artifact);
CREATE INDEX attempt_models_digest ON attempt_models (digest);
CREATE INDEX run_steps_attempt ON run_steps (attempt);
CREATE INDEX sources_digest ON sources (digest);
CREATE INDEX evictions_digest ON evictions (digest);
PRAGMA application_id = 1836020850;
PRAGMA user_version = 3;
