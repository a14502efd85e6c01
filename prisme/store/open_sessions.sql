-- The open sessions with their devices: as JSON in the journal's form, with the paths of their latest pages, the newest
-- first. First which ones, by their ids, which is the order in which the tables have them; then a slice of them at a
-- time, as a hundred thousand at once take hundreds of megabytes.

CREATE OR REPLACE TEMP TABLE restored AS
SELECT device, session_uuid FROM (
    SELECT open.device, session_uuid, exit_timestamp
    FROM state.open_sessions AS open JOIN sessions USING (session_uuid)
    WHERE exit_timestamp > make_timestamp($active) AND entry_timestamp > make_timestamp($entry)
    ORDER BY exit_timestamp DESC LIMIT $at_most
) ORDER BY session_uuid;

WITH open AS MATERIALIZED (
    SELECT restored.device, sessions.* EXCLUDE (device), sessions.device AS client_device
    FROM restored JOIN sessions USING (session_uuid)
    WHERE restored.rowid >= $first AND restored.rowid < $first + $count
), page AS (
    SELECT session_uuid, path, max("timestamp") AS seen FROM pageviews
    WHERE "timestamp" > make_timestamp($entry)
        AND session_uuid IN (SELECT session_uuid FROM open WHERE pageviews > 1)
    GROUP BY session_uuid, path
), pages AS (
    SELECT session_uuid, max_by(path, seen, $pages) AS paths FROM page GROUP BY session_uuid
)
SELECT device, CAST(to_json({
    'uuid': session_uuid,
    'domain': domain,
    'entry': epoch_us(entry_timestamp),
    'entry_path': entry_path,
    'exit': epoch_us(exit_timestamp),
    'exit_path': exit_path,
    'status': exit_status,
    'visitor': visitor_id,
    'client': {
        'os': operating_system, 'browser': browser_family, 'device': client_device, 'type': device_type
    },
    'country': country_code,
    'referrer': referrer_domain,
    'utm': {
        'source': utm_source, 'medium': utm_medium, 'campaign': utm_campaign,
        'term': utm_term, 'content': utm_content
    },
    'pageviews': pageviews,
    'events': events,
    'click_id': click_id,
    'place': CASE WHEN region <> '' OR city <> '' THEN {'region': region, 'city': city} END
}) AS VARCHAR) AS session, coalesce(paths, []) AS paths
FROM open LEFT JOIN pages USING (session_uuid)
