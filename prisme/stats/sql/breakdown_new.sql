-- Visitors, or sessions, by the keys of several lists: those of a later part of a span that an earlier part did not have
-- with the same key. Few come later: of the earlier rows, only theirs are read, as DuckDB pushes the filter down to the scan
-- (not if it were on their hashes).
WITH later AS MATERIALIZED (
    SELECT {head}, one FROM (SELECT {column} AS one, {columns} {later}) GROUP BY {sets}
),
earlier AS (
    SELECT {head}, one
    FROM (SELECT {column} AS one, {columns} {earlier} AND {column} IN (SELECT later.one FROM later))
    GROUP BY {sets}
)
SELECT which, key, {figures}, 0, 0, 0, 0 FROM later ANTI JOIN earlier USING (which, key, one) GROUP BY which, key
