-- The most frequent values of several columns of one table, by count and then by value, counted in one pass.
-- An empty text means no value.
SELECT sets.which, sets.key, sets.count
FROM (
    SELECT {which} AS which, {key} AS key, count(*) AS count
    FROM (SELECT {columns} {rows})
    GROUP BY {sets}
) AS sets
WHERE key <> ''
QUALIFY row_number() OVER (PARTITION BY which ORDER BY count DESC, key) BETWEEN {offset} + 1 AND {last}
ORDER BY which, count DESC, key
