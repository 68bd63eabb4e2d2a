-- Config that is said for more or for less than a plugin, by layer and what the layer is about.
CREATE TABLE config (
    layer   TEXT NOT NULL,
    subject TEXT NOT NULL,
    format  INTEGER NOT NULL,
    record  TEXT NOT NULL,
    PRIMARY KEY (layer, subject)
) STRICT;
