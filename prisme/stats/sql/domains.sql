-- The domains with the most sessions, each with its first entry (microseconds).
SELECT domain, epoch_us(min(entry_timestamp)) {rows}
GROUP BY domain
ORDER BY count(*) DESC, domain
LIMIT {limit}
