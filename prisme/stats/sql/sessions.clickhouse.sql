-- Sessions, bounces and average duration (seconds) by bucket of the entry; bucket -1 is the whole span.
SELECT coalesce(bucket, -1), count(*) AS sessions, count(*) FILTER (WHERE is_bounce) AS bounces,
       coalesce(avgOrNull(duration), 0) / 1e6 AS "sessions-duration"
FROM ({rows})
GROUP BY GROUPING SETS ((bucket), ())
