-- main.db, version 1: queue, metadata, metrics, events.
-- `n` numbers rows in the order of their commit: lists, cursors and the queue go by it, so a clock
-- that jumps disturbs none of them.  Times are milliseconds since 1970, 0 where it has not happened.

CREATE TABLE dataset (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64), -- the file blobs/<sha256>
    info_json  TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (sha256, kind)
) STRICT;

-- dataset_id and parent_id are no foreign keys: a dataset may go when its jobs have ended, and they
-- still say what they were made from.
CREATE TABLE job (
    n                INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    task             TEXT NOT NULL,
    status           TEXT NOT NULL DEFAULT 'queued'
                     CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    phase            TEXT NOT NULL DEFAULT '',
    step             INTEGER NOT NULL DEFAULT 0,
    steps            INTEGER NOT NULL,
    seconds          REAL NOT NULL DEFAULT 0,
    eta_seconds      REAL NOT NULL DEFAULT -1,
    progress         REAL NOT NULL DEFAULT 0,
    attempt          INTEGER NOT NULL DEFAULT 0,
    crashes          INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    dataset_id       TEXT NOT NULL,
    field_id         TEXT NOT NULL UNIQUE,
    parent_id        TEXT NOT NULL DEFAULT '',
    stopped_by       TEXT NOT NULL DEFAULT '',
    error_class      TEXT NOT NULL DEFAULT '',
    error_detail     TEXT,
    request_json     TEXT NOT NULL,
    spec_json        TEXT NOT NULL,
    labels_json      TEXT NOT NULL,
    checkpoint_sha256          TEXT, -- the last one: a blob
    checkpoint_step            INTEGER NOT NULL DEFAULT 0,
    previous_checkpoint_sha256 TEXT, -- the one before, until the job ends
    created_ms       INTEGER NOT NULL,
    started_ms       INTEGER NOT NULL DEFAULT 0,
    finished_ms      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX job_by_status ON job (status, n);
CREATE INDEX job_by_dataset ON job (dataset_id, n);
CREATE INDEX job_by_checkpoint ON job (checkpoint_sha256) WHERE checkpoint_sha256 IS NOT NULL;
CREATE INDEX job_by_previous_checkpoint ON job (previous_checkpoint_sha256)
    WHERE previous_checkpoint_sha256 IS NOT NULL;

-- labels_json once more, for filters.  Columns in the order of the key: quick_check of SQLite 3.40
-- sees NULLs that are not there in a WITHOUT ROWID table where they differ.
CREATE TABLE job_label (
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    job   INTEGER NOT NULL REFERENCES job (n) ON DELETE CASCADE,
    PRIMARY KEY (key, value, job)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    key            TEXT PRIMARY KEY,
    request_sha256 TEXT NOT NULL,
    job            INTEGER NOT NULL REFERENCES job (n) ON DELETE CASCADE,
    created_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_ms);

CREATE TABLE job_event (
    job       INTEGER NOT NULL REFERENCES job (n) ON DELETE CASCADE,
    seq       INTEGER NOT NULL, -- 1, 2, … within the job
    type      TEXT NOT NULL,
    data_json TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_key (
    n    INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metric (
    job     INTEGER NOT NULL REFERENCES job (n) ON DELETE CASCADE,
    key     INTEGER NOT NULL REFERENCES metric_key (n),
    step    INTEGER NOT NULL,
    value   REAL NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (job, key, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE field (
    n              INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    job_id         TEXT NOT NULL,
    dataset_id     TEXT NOT NULL,
    task           TEXT NOT NULL,
    step           INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    weights_sha256 TEXT NOT NULL CHECK (length(weights_sha256) = 64), -- a blob
    spec_json      TEXT NOT NULL,
    summary_json   TEXT NOT NULL,
    metrics_json   TEXT NOT NULL,
    created_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX field_by_weights ON field (weights_sha256);
