-- The custom events that reach goals.
SELECT number, visitor, session_uuid, reached_at
FROM (SELECT hash(visitor_id) AS visitor, session_uuid, "timestamp" AS reached_at, unnest([{numbers}]) AS number {rows})
WHERE number IS NOT NULL
