-- The keys of several lists, each with all its figures; `which` is the number of the list.
-- Each part counts some figures, and has 0 for the others. An empty text means no value. The first part, which is empty,
-- names their columns.
SELECT which, key, visitors, sessions, actions, entries, bounces, durations
FROM (
    SELECT which, key, {sums}, {rank} AS rank
    FROM (
        SELECT 0 AS which, '' AS key, 0 AS visitors, 0 AS sessions, 0 AS actions, 0 AS entries, 0 AS bounces,
               toInt64(0) AS durations
        WHERE false
        UNION ALL {parts}
    ) AS parts
    WHERE key <> ''
    GROUP BY which, key
)
WHERE {chosen}
{limit}
