-- The imports, and what Prisme saw itself, with their sessions: those that it has, and those that only figures tell of.
SELECT key, CAST(sum(count) AS BIGINT) AS sessions
FROM ({counted})
GROUP BY key
ORDER BY sessions DESC, key
LIMIT {limit}
