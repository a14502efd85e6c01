-- The sums of a unit by slot, once `action` has its pageviews.
INSERT INTO {slots}
SELECT
    domain, slot, sum(pageviews), sum(events), sum(sessions), sum(bounces), sum(durations)
FROM (
    SELECT domain, slot, count(*) AS pageviews, 0 AS events, 0 AS sessions, 0 AS bounces, 0 AS durations
    FROM action GROUP BY ALL
    UNION ALL
    SELECT domain, slot, 0, 0, count(*), count(*) FILTER (is_bounce), sum(duration) FROM visit WHERE begins GROUP BY ALL
    UNION ALL
    SELECT domain, slot, 0, count(*), 0, 0, 0 FROM ({events}) GROUP BY ALL
)
GROUP BY domain, slot
