-- Metrics of which no series is left go with the last one: their names come from outside, and there may be ever
-- new ones.
CREATE INDEX series_by_metric ON series (metric);
