-- The pages on which events happened, by number of events.
SELECT path AS key, count(*) AS count {rows} GROUP BY key ORDER BY count DESC, key LIMIT {limit}
