-- The values of one property of custom events, as text, by how many events have them.
-- Of a name that an event repeats, the last value counts, as in JSON parsers; a pointer finds the first one.
SELECT value AS key, count(*) AS count FROM (
    SELECT CASE
        WHEN list_position(names, {name}) < last THEN (properties->>'$.*')[last] ELSE properties->>{pointer}
    END AS value
    FROM (
        SELECT properties, names, len(names) + 1 - list_position(list_reverse(names), {name}) AS last
        FROM (SELECT properties, json_keys(properties) AS names {rows})
    )
)
WHERE value IS NOT NULL
GROUP BY key
