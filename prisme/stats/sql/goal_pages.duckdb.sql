-- The pageviews that reach goals. Goals are found once for each path, and not for each pageview.
SELECT number, visitor, session_uuid, reached_at
FROM (SELECT domain, path, hash(visitor_id) AS visitor, session_uuid, "timestamp" AS reached_at {rows})
JOIN (
    SELECT domain, path, number
    FROM (SELECT domain, path, unnest([{numbers}]) AS number FROM (SELECT DISTINCT domain, path {every}))
    WHERE number IS NOT NULL
) USING (domain, path)
