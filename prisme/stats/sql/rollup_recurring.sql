-- Visitors whose ids look generated, but were not made for one day and one site: those of other servers, and of 0.1.0.
-- Events may have another id than the visit has by now.
INSERT INTO {recurring}
SELECT visitor FROM (
    SELECT
        hash(visitor_id) AS visitor, domain, CAST(entry_timestamp AS DATE) AS entry, entry_timestamp AS "first",
        exit_timestamp AS "last"
    FROM sessions WHERE {generated} AND hash(visitor_id) % {passes} = {number}
    UNION ALL
    SELECT hash(visitor_id), domain, NULL, "timestamp", "timestamp" FROM (
        SELECT visitor_id, domain, "timestamp" FROM pageviews
        UNION ALL SELECT visitor_id, domain, "timestamp" FROM events_custom
        UNION ALL SELECT visitor_id, domain, "timestamp" FROM file_downloads
        UNION ALL SELECT visitor_id, domain, "timestamp" FROM outbound_link_clicks
    ) WHERE {generated} AND hash(visitor_id) % {passes} = {number}
)
GROUP BY visitor
HAVING min(entry) <> max(entry) OR min(domain) <> max(domain)
    OR CAST(max("last") AS DATE) > CAST(min("first") AS DATE) + 1
