-- Tasks: what is collected, when, and where it goes, with what was counted of them.
CREATE TABLE task (
    id     TEXT PRIMARY KEY,
    format INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
