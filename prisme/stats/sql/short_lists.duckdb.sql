-- Visitors and pageviews of a short span by page, source and country; those of a session count where it came from.
-- An empty text means no value. Sessions that were over before the span, or began after it, are not looked at.
SELECT {which} AS which, {key} AS key, count(DISTINCT visitor_id) AS visitors, count(*) AS pageviews
FROM (
    SELECT {columns}, visitor_id
    FROM (SELECT path, visitor_id, session_uuid {rows})
    JOIN (
        SELECT session_uuid, {source} AS source, country_code FROM sessions
        WHERE exit_timestamp >= {start} AND entry_timestamp < {end}
    ) USING (session_uuid)
)
GROUP BY {sets}
HAVING key <> ''
QUALIFY row_number() OVER (PARTITION BY which ORDER BY {count} DESC, key) <= {limit}
ORDER BY which, {count} DESC, key
