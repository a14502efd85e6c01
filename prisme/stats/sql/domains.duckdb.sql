-- The domains with the most sessions, each with its first entry and its latest activity (microseconds).
SELECT domain, epoch_us(min(entry_timestamp)), epoch_us(max(exit_timestamp)) {rows}
GROUP BY domain
ORDER BY count(*) DESC, domain
LIMIT {limit}
