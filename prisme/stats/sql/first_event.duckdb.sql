-- The time of the first event of some domains that is no pageview (microseconds).
SELECT epoch_us(min(first)) FROM (
    SELECT min("timestamp") AS first FROM events_custom WHERE list_contains($domains, domain)
    UNION ALL SELECT min("timestamp") FROM file_downloads WHERE list_contains($domains, domain)
    UNION ALL SELECT min("timestamp") FROM outbound_link_clicks WHERE list_contains($domains, domain)
)
