-- blob.db, version 1: weights and checkpoints, named by content.

CREATE TABLE blob (
    n      INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    bytes  INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

-- Chunk i holds bytes i * 1 MiB … of the blob; all but the last are full.  An empty blob has none.
-- A rowid table: rows of a WITHOUT ROWID table should be far smaller than a page.
CREATE TABLE blob_chunk (
    blob INTEGER NOT NULL REFERENCES blob (n) ON DELETE CASCADE,
    i    INTEGER NOT NULL CHECK (i >= 0),
    data BLOB NOT NULL,
    PRIMARY KEY (blob, i)
) STRICT;
