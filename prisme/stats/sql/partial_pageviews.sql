-- The visitors of a part of a span with their pageviews, by bucket.
-- It is a table, and not a part of the next query, so that DuckDB knows how few rows it has when it orders the join.
CREATE OR REPLACE TEMP TABLE came AS
SELECT {bucket} AS bucket, hash(visitor_id) AS id, count(*) AS views {rows} GROUP BY ALL
