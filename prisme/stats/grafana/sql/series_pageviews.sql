SELECT {bucket} AS time, {value} AS "{title}"
FROM pageviews WHERE {within}
GROUP BY time ORDER BY time
