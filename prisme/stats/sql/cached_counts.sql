-- The counts in a table of keys, by list, the highest first; and the bytes of the keys.
SELECT which, list(count ORDER BY count DESC), sum(strlen(key)) FROM {table} GROUP BY which
