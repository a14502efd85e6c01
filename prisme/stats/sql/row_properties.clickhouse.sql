-- The properties of custom events: names by how many events have them, each with its most frequent values, as text.
-- A null is no value. Most events have the same properties: grouped by these first, few of them are taken apart.
WITH pairs AS (
    SELECT pair.1 AS name, pair.2 AS value, sum(events) AS count
    FROM (
        SELECT arrayJoin(arrayZip(property_keys, property_values)) AS pair, events
        FROM (SELECT property_keys, property_values, count(*) AS events {rows} GROUP BY property_keys, property_values)
    )
    GROUP BY name, value
),
ranked AS (
    SELECT name, value, count, sum(count) OVER (PARTITION BY name) AS events,
           row_number() OVER (PARTITION BY name ORDER BY value IS NULL, count DESC, value) AS place
    FROM pairs
)
SELECT name, events, value, count FROM ranked
WHERE place <= {values}
QUALIFY dense_rank() OVER (ORDER BY events DESC, name) <= {names}
ORDER BY events DESC, name, place
