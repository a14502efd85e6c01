-- The pages just before and just after some pageviews, within the same session, by how many of the pageviews have them.
-- `which` is 0 for those before and 1 for those after; the key is NULL where the session began or ended, and of the
-- others, the most frequent ones are returned.
WITH chosen AS MATERIALIZED ({chosen}),
steps AS MATERIALIZED (
    SELECT rowid AS id, lag(path) OVER visit AS before, lead(path) OVER visit AS after
    FROM pageviews
    WHERE session_uuid IN (SELECT session_uuid FROM chosen)
        AND "timestamp" >= make_timestamp({start}) AND "timestamp" < make_timestamp({end})
    WINDOW visit AS (PARTITION BY session_uuid ORDER BY "timestamp", rowid)
)
SELECT which, key, count FROM (
    SELECT 0 AS which, before AS key, count(*) AS count FROM steps WHERE {before} GROUP BY key
    UNION ALL SELECT 1, after, count(*) FROM steps WHERE {after} GROUP BY after
)
QUALIFY row_number() OVER (PARTITION BY which, key IS NULL ORDER BY count DESC, key) <= {limit}
ORDER BY which, count DESC, key
