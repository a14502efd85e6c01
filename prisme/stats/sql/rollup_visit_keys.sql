-- A list of sessions, of the visits of a unit. An empty text means no value.
INSERT INTO {keys}
SELECT
    '{list}', domain, key, sum(sessions), count(*) FILTER ((visitor & 1) = 1 AND sessions > 0), 0, sum(views),
    sum(bounces), sum(durations)
FROM (
    SELECT
        domain, {column} AS key, visitor, count(*) FILTER (begins) AS sessions, sum(views) AS views,
        count(*) FILTER (begins AND is_bounce) AS bounces, sum(duration) AS durations
    FROM visit
    GROUP BY ALL
)
WHERE key <> ''
GROUP BY domain, key
