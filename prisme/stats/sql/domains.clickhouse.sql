-- The domains with the most sessions, each with its first entry and its latest activity (microseconds).
SELECT domain, toUnixTimestamp64Micro(min(entry_timestamp)), toUnixTimestamp64Micro(max(exit_timestamp)) {rows}
GROUP BY domain
ORDER BY count(*) DESC, domain
LIMIT {limit}
