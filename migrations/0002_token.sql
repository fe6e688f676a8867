-- main.db, version 2: tokens.  Of a token only its hash is here: with 256 random bits in it a fast
-- one is enough.  A revoked token's row is deleted.

CREATE TABLE token (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE CHECK (length(id) = 8),
    name       TEXT NOT NULL, -- '' where none was given
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64), -- of the whole token
    created_ms INTEGER NOT NULL
) STRICT;
