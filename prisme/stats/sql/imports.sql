-- The imports, and what Prisme saw itself, with their sessions: those that it has, and those that only figures tell of.
SELECT key, CAST(sum(count) AS BIGINT) AS count
FROM ({counted})
GROUP BY key
ORDER BY count DESC, key
LIMIT {limit}
