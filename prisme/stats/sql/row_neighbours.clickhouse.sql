-- The pages just before and just after some pageviews, within the same session, by how many of the pageviews have them.
-- `which` is 0 for those before and 1 for those after; the key is NULL where the session began or ended, and of the
-- others, the most frequent ones are returned.
WITH chosen AS ({chosen}),
steps AS (
    SELECT id, lag(page) OVER visit AS before, lead(page) OVER visit AS after
    FROM (
        SELECT (node, segment, number) AS id, CAST(path AS Nullable(String)) AS page, session_uuid, "timestamp"
        {every}
            AND session_uuid IN (SELECT session_uuid FROM chosen)
            AND "timestamp" >= fromUnixTimestamp64Micro({start}, 'UTC')
            AND "timestamp" < fromUnixTimestamp64Micro({end}, 'UTC')
    )
    WINDOW visit AS (PARTITION BY session_uuid ORDER BY "timestamp", id.2, id.3)
)
SELECT which, key, count FROM (
    SELECT 0 AS which, before AS key, count(*) AS count FROM steps WHERE {before} GROUP BY key
    UNION ALL SELECT 1, after, count(*) FROM steps WHERE {after} GROUP BY after
)
QUALIFY row_number() OVER (PARTITION BY which, key IS NULL ORDER BY count DESC, key) <= {limit}
ORDER BY which, count DESC, key
