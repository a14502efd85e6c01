SELECT {bucket} AS time, {value} AS "{title}"
FROM (
    SELECT timestamp FROM events_custom WHERE {within}
    UNION ALL SELECT timestamp FROM file_downloads WHERE {within}
    UNION ALL SELECT timestamp FROM outbound_link_clicks WHERE {within}
)
GROUP BY time ORDER BY time
