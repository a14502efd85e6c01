-- A list of pageviews or events, of those of a unit. An empty text means no value.
INSERT INTO {keys}
SELECT
    '{list}', domain, key, sum(actions), count(*) FILTER ((visitor & 1) = 1),
    count(*) FILTER ((visitor & 1) = 1 AND came_before), 0, 0, 0
FROM (
    SELECT domain, {column} AS key, visitor, count(*) AS actions FROM action GROUP BY ALL
) LEFT JOIN (
    SELECT DISTINCT domain, {column} AS key, visitor, true AS came_before FROM earlier_action
) USING (domain, key, visitor)
WHERE key <> ''
GROUP BY domain, key
