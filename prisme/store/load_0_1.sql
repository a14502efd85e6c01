-- Counts the events of visits in segments of 0.1.0, whose lines do not have the count.

UPDATE sessions SET events = found.events
FROM (
    SELECT session_uuid, count(*) AS events FROM (
        SELECT session_uuid FROM events_custom
        UNION ALL SELECT session_uuid FROM file_downloads
        UNION ALL SELECT session_uuid FROM outbound_link_clicks
    ) WHERE session_uuid IN (SELECT session_uuid FROM line WHERE is_of_0_1 AND kind NOT IN ('copy', 'forget'))
    GROUP BY session_uuid
) AS found
WHERE sessions.session_uuid = found.session_uuid AND sessions.events < found.events;
