-- Visitors whose ids look generated, but were not made for one day and one site: those of other servers, and of 0.1.0.
INSERT INTO {recurring}
SELECT visitor FROM (
    SELECT hash(visitor_id) AS visitor, domain, CAST(entry_timestamp AS DATE) AS "day", exit_timestamp
    FROM sessions WHERE {generated} AND hash(visitor_id) % {passes} = {number}
)
GROUP BY visitor
HAVING min("day") <> max("day") OR min(domain) <> max(domain) OR CAST(max(exit_timestamp) AS DATE) > min("day") + 1
