SELECT {bucket} AS time, {value} AS "{title}"
FROM sessions FINAL WHERE {within}
GROUP BY time ORDER BY time
