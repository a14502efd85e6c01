-- The keys of several lists, each with all its figures; `which` is the number of the list.
-- Each part counts some figures, and has 0 for the others. An empty text means no value.
SELECT which, key, visitors, sessions, actions, entries, bounces, durations
FROM (
    SELECT which, key, {sums}, {rank} AS rank
    FROM ({parts}) AS parts (which, key, visitors, sessions, actions, entries, bounces, durations)
    WHERE key <> ''
    GROUP BY which, key
)
WHERE {chosen}
{limit}
