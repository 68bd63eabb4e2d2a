-- What plugins said of their metrics, by plugin and version, so that it is known before any of them has run.
CREATE TABLE catalog (
    plugin  TEXT NOT NULL,
    version TEXT NOT NULL,
    format  INTEGER NOT NULL,
    record  TEXT NOT NULL,
    PRIMARY KEY (plugin, version)
) STRICT;
