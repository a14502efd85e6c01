-- The counts in a table of keys, by list, the highest first.
SELECT which, list(count ORDER BY count DESC) FROM {table} GROUP BY which
