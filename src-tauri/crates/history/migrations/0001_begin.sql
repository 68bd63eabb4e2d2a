-- Marks the file as a history of ours ("Orry"), so that a foreign database is never written to.
PRAGMA application_id = 1332900473;

CREATE TABLE node (
    id  INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metric (
    id     INTEGER PRIMARY KEY,
    key    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    label  TEXT NOT NULL,
    format TEXT NOT NULL,
    UNIQUE (key, kind)
) STRICT;

-- One line of samples: a metric of one incarnation of a node. Ids are never given twice, because
-- blocks may outlive their series for a moment.
CREATE TABLE series (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    node           INTEGER NOT NULL REFERENCES node (id),
    metric         INTEGER NOT NULL REFERENCES metric (id),
    incarnation_ms INTEGER NOT NULL,
    first_ms       INTEGER NOT NULL,
    last_ms        INTEGER NOT NULL,
    UNIQUE (node, metric, incarnation_ms)
) STRICT;
CREATE INDEX series_by_last ON series (last_ms);

-- Samples as they arrived, a row per commit, until their chunk is sealed.
CREATE TABLE tail (
    id        INTEGER PRIMARY KEY,
    chunk_max INTEGER NOT NULL,
    data      BLOB NOT NULL
) STRICT;

-- Sealed stretches of time. Of a thinned one only the summaries are left.
CREATE TABLE chunk (
    id      INTEGER PRIMARY KEY,
    samples INTEGER NOT NULL,
    series  INTEGER NOT NULL,
    thinned INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The three tables below are keyed by time first: sealing appends, and clearing cuts off the front.

-- Sampling times within a chunk, shared by all the series that were sampled together.
-- key = chunk << 38 | number
CREATE TABLE times (
    key  INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- Values of one series within one chunk.
-- key = chunk << 38 | series
CREATE TABLE block (
    key   INTEGER PRIMARY KEY,
    times INTEGER NOT NULL,
    data  BLOB NOT NULL
) STRICT;

-- The same in a few numbers, apart from the block so that wide ranges read little.
-- key = chunk << 38 | series
CREATE TABLE summary (
    key   INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    t_min INTEGER NOT NULL,
    t_max INTEGER NOT NULL,
    min   REAL NOT NULL,
    max   REAL NOT NULL,
    sum   REAL NOT NULL
) STRICT;

CREATE TABLE event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    label   TEXT NOT NULL,
    text    TEXT NOT NULL,
    user    TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_time ON event (at_ms);

-- Report frames. A frame with a base is compressed against that frame's bytes.
CREATE TABLE frame (
    at_ms        INTEGER PRIMARY KEY,
    base_ms      INTEGER,
    raw_bytes    INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE frame_data (
    at_ms INTEGER PRIMARY KEY,
    data  BLOB NOT NULL
) STRICT;
