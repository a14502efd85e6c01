-- The properties of custom events: names by how many events have them, each with its most frequent values, as text.
-- Of a name that an event repeats, the last value counts, as in JSON parsers. A null is no value.
-- Most events have the same properties: grouped by these first, few of them have to be taken apart.
WITH named AS (
    SELECT json_keys(properties) AS names, properties->>'$.*' AS texts, count
    FROM (SELECT properties, count(*) AS count {rows} GROUP BY properties)
),
pairs AS (
    SELECT name, value, sum(count) AS count FROM (
        SELECT unnest(names) AS name, unnest(texts) AS value, unnest(range(1, len(names) + 1)) AS place, names, count
        FROM named
    )
    WHERE place = len(names) + 1 - list_position(list_reverse(names), name)
    GROUP BY name, value
),
ranked AS (
    SELECT name, value, count, sum(count) OVER (PARTITION BY name) AS events,
           row_number() OVER (PARTITION BY name ORDER BY value IS NULL, count DESC, value) AS place
    FROM pairs
)
SELECT name, CAST(events AS BIGINT), value, CAST(count AS BIGINT) FROM ranked
WHERE place <= {values}
QUALIFY dense_rank() OVER (ORDER BY events DESC, name) <= {names}
ORDER BY events DESC, name, place
