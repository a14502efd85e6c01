-- The open sessions with their devices, the least recently active first: JSON as the journal writes it.
-- The texts are made after the sort: they take ten times as much memory as what they are made of.

SELECT device, coalesce(copy, CAST(to_json({
    'uuid': session_uuid,
    'domain': domain,
    'entry': epoch_us(entry_timestamp),
    'entry_path': entry_path,
    'exit': epoch_us(exit_timestamp),
    'latest': exit_path,
    'status': exit_status,
    'visitor': visitor_id,
    'client': {'os': operating_system, 'browser': browser_family, 'device': client_device},
    'country': country_code,
    'referrer': referrer_domain,
    'utm': {
        'source': utm_source, 'medium': utm_medium, 'campaign': utm_campaign,
        'term': utm_term, 'content': utm_content
    },
    'pageviews': pageviews,
    'active': epoch_us(active)
}) AS VARCHAR)) AS session
FROM (
    SELECT open.*, sessions.* EXCLUDE (session_uuid, device), sessions.device AS client_device
    FROM (
        SELECT device, session_uuid, active, copy FROM state.open_sessions
        WHERE active >= make_timestamp($since)
        ORDER BY active DESC LIMIT $at_most
    ) AS open
    LEFT JOIN sessions USING (session_uuid)
    WHERE open.copy IS NOT NULL OR sessions.session_uuid IS NOT NULL
    ORDER BY active
)
