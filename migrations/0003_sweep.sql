-- main.db, version 3: sweeps.  What a sweep is stands in its row, what became of it in its jobs: in
-- the order of their numbers they are the cells of its table, datasets innermost.

CREATE TABLE sweep (
    n            INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL, -- '' where none was given
    request_json TEXT NOT NULL,
    created_ms   INTEGER NOT NULL
) STRICT;

ALTER TABLE job ADD COLUMN sweep_id TEXT REFERENCES sweep (id); -- NULL: posted alone
CREATE INDEX job_by_sweep ON job (sweep_id, n) WHERE sweep_id IS NOT NULL;
