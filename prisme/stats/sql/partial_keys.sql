-- The keys of several lists with their counts; `which` is the number of the list.
-- An empty text means no value, except among the names of properties.
SELECT which, key, CAST(sum(counted.count) AS BIGINT) AS count
FROM ({counted}) AS counted
WHERE key <> '' OR which = {properties}
GROUP BY which, key
