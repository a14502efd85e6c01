-- The time of the first event of some domains that is no pageview (microseconds).
SELECT toUnixTimestamp64Micro(min(first)) FROM (
    SELECT minOrNull("timestamp") AS first FROM events_custom WHERE has($domains, domain)
    UNION ALL SELECT minOrNull("timestamp") FROM file_downloads WHERE has($domains, domain)
    UNION ALL SELECT minOrNull("timestamp") FROM outbound_link_clicks WHERE has($domains, domain)
)
