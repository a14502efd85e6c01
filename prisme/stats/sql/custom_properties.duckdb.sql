-- The names of custom events' properties, by how many events have them; an event counts once for a name it repeats.
-- Most events have the same names: grouped by these first, few lists have to be searched for repeated ones.
SELECT key, CAST(sum(count) AS BIGINT) AS count FROM (
    SELECT unnest(list_distinct(names)) AS key, count
    FROM (SELECT json_keys(properties) AS names, count(*) AS count {rows} GROUP BY names)
)
GROUP BY key
