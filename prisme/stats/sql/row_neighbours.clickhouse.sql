-- The pages just before and just after some pageviews, within the same session, by how many of the pageviews have them.
-- `which` is 0 for those before and 1 for those after; the key is NULL where the session began or ended, and of the
-- others, the most frequent ones are returned.
WITH chosen AS ({chosen}),
steps AS (
    SELECT id, lag(page) OVER visit AS before, lead(page) OVER visit AS after
    FROM (
        SELECT (node, segment, number) AS id, segment, number, CAST(path AS Nullable(String)) AS page, session_uuid,
               "timestamp"
        {every}
            AND session_uuid IN (SELECT session_uuid FROM chosen)
            AND "timestamp" >= fromUnixTimestamp64Micro({start}, 'UTC')
            AND "timestamp" < fromUnixTimestamp64Micro({end}, 'UTC')
    )
    WINDOW visit AS (PARTITION BY session_uuid ORDER BY "timestamp", segment, number)
)
SELECT side.1 AS which, side.2 AS key, count(*) AS count
FROM (SELECT arrayJoin([(0, before, {before}), (1, after, {after})]) AS side FROM steps)
WHERE side.3
GROUP BY which, key
QUALIFY row_number() OVER (PARTITION BY which, key IS NULL ORDER BY count DESC, key) <= {limit}
ORDER BY which, count DESC, key
