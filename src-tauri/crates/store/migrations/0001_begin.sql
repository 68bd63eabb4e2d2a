-- Marks the file as Orrery's state ("OryS"), so that a foreign database is never written to.
PRAGMA application_id = 1332902227;

-- Records are JSON documents of the given format; what is looked for has a column of its own.
-- A document that cannot be read costs its row alone.
CREATE TABLE plugin (
    id     TEXT PRIMARY KEY,
    format INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE revision (
    plugin TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    format INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (plugin, sha256)
) STRICT;

CREATE TABLE operation (
    id         TEXT PRIMARY KEY,
    ordered_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    format     INTEGER NOT NULL,
    record     TEXT NOT NULL
) STRICT;
CREATE INDEX operation_by_time ON operation (ordered_ms);

-- Files of watched directories as they were when they were last taken or refused.
CREATE TABLE watched (
    path   TEXT PRIMARY KEY,
    format INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

-- Rows that could not be read, as they were.
CREATE TABLE quarantine (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms  INTEGER NOT NULL,
    source TEXT NOT NULL,
    key    TEXT NOT NULL,
    reason TEXT NOT NULL,
    format INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
