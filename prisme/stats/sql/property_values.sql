-- The values of one property of custom events, as text, by how many events have them.
SELECT value AS key, count(*) AS count FROM (SELECT {value} AS value {rows})
WHERE value IS NOT NULL
GROUP BY key
