-- Visits of a deletion's step that lost some of their events become what they would be if these had never come: as
-- `load.sql` makes them of their lines. How a visitor came, and with what, is kept.

CREATE OR REPLACE TEMP TABLE remainder AS
SELECT
    session_uuid,
    min("timestamp") AS entry_timestamp,
    max("timestamp") AS exit_timestamp,
    -- A visit that an event began has the event's path until its first pageview.
    coalesce(
        arg_min(path, row("timestamp", id)) FILTER (status IS NOT NULL), arg_min(path, row("timestamp", id))
    ) AS entry_path,
    coalesce(
        arg_max(path, row("timestamp", id)) FILTER (status IS NOT NULL), arg_min(path, row("timestamp", id))
    ) AS exit_path,
    coalesce(arg_max(status, row("timestamp", id)) FILTER (status IS NOT NULL), 200) AS exit_status,
    arg_max(visitor_id, row("timestamp", id)) AS visitor_id,
    count(status) AS pageviews,
    count(*) - count(status) AS events
FROM (
    SELECT "timestamp", path, visitor_id, session_uuid, rowid AS id, status FROM pageviews
    UNION ALL BY NAME SELECT "timestamp", path, visitor_id, session_uuid, rowid AS id FROM events_custom
    UNION ALL BY NAME SELECT "timestamp", path, visitor_id, session_uuid, rowid AS id FROM file_downloads
    UNION ALL BY NAME SELECT "timestamp", path, visitor_id, session_uuid, rowid AS id FROM outbound_link_clicks
) WHERE session_uuid IN (SELECT session_uuid FROM cache.deletion WHERE step = $step)
GROUP BY session_uuid;

UPDATE sessions SET
    entry_timestamp = remainder.entry_timestamp, entry_path = remainder.entry_path,
    exit_timestamp = remainder.exit_timestamp, exit_path = remainder.exit_path, exit_status = remainder.exit_status,
    visitor_id = remainder.visitor_id, pageviews = remainder.pageviews, events = remainder.events
FROM remainder WHERE sessions.session_uuid = remainder.session_uuid;

DELETE FROM sessions
WHERE session_uuid IN (SELECT session_uuid FROM cache.deletion WHERE step = $step)
    AND session_uuid NOT IN (SELECT session_uuid FROM remainder);

DROP TABLE remainder;
