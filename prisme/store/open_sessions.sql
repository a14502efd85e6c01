-- The open sessions with their devices, the least recently active first: JSON as the journal writes it.

SELECT device, session FROM (
    SELECT
        open.device,
        open.active,
        coalesce(open.copy, CAST(to_json({
            'uuid': session_uuid,
            'domain': sessions.domain,
            'entry': epoch_us(entry_timestamp),
            'entry_path': entry_path,
            'exit': epoch_us(exit_timestamp),
            'latest': exit_path,
            'status': exit_status,
            'visitor': visitor_id,
            'client': {'os': operating_system, 'browser': browser_family, 'device': sessions.device},
            'country': country_code,
            'referrer': referrer_domain,
            'utm': {
                'source': utm_source, 'medium': utm_medium, 'campaign': utm_campaign,
                'term': utm_term, 'content': utm_content
            },
            'pageviews': pageviews,
            'active': epoch_us(open.active),
            'real': true
        }) AS VARCHAR)) AS session
    FROM state.open_sessions AS open LEFT JOIN sessions USING (session_uuid)
    WHERE open.active >= make_timestamp($since) AND (open.copy IS NOT NULL OR sessions.session_uuid IS NOT NULL)
    ORDER BY open.active DESC
    LIMIT $at_most
) ORDER BY active
