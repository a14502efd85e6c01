-- A table of the visitors who may come back: the last bucket in which they were seen, and the day since 1970 (UTC) if
-- their ids are generated.
CREATE TABLE {table} AS SELECT id, max(bucket) AS bucket, max(day) AS day FROM ({rows}) GROUP BY id
