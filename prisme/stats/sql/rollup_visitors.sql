-- The visitors of a unit by slot, once `action` has its pageviews.
INSERT INTO {visitors}
SELECT domain, slot, since, count(*)
FROM (
    SELECT domain, slot, coalesce(lag(slot) OVER (PARTITION BY domain, visitor ORDER BY slot), 0) AS since
    FROM (
        SELECT DISTINCT domain, slot, visitor FROM action WHERE (visitor & 1) = 1
        UNION ALL SELECT DISTINCT domain, slot, visitor FROM earlier_action
    )
)
WHERE slot >= $start // {slot}
GROUP BY ALL
