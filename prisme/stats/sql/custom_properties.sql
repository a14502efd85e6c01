-- The names of custom events' properties, by how many events have them.
SELECT key, count(*) AS count FROM (SELECT unnest(json_keys(properties)) AS key {rows})
GROUP BY key
ORDER BY count DESC, key
LIMIT {limit} OFFSET {offset}
