-- A table of visitors, each with the last bucket in which they were seen.
CREATE TABLE {table} AS SELECT id, max(bucket) AS bucket FROM ({rows}) GROUP BY id
