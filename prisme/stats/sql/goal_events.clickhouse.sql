-- The custom events that reach goals.
SELECT number, visitor, session_uuid, reached_at
FROM (
    SELECT cityHash64(visitor_id) AS visitor, session_uuid, "timestamp" AS reached_at, arrayJoin([{numbers}]) AS number
    {rows}
)
WHERE number IS NOT NULL
