-- The events of a part of a span by bucket, and by what their lists count: the table, a column of it, and the names of
-- their properties.
CREATE OR REPLACE TEMP TABLE happened AS
SELECT bucket, "table", key, names, count(*) AS events FROM ({rows}) GROUP BY ALL
