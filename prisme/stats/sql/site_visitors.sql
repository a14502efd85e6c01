-- Visitors by domain.
SELECT domain, count(DISTINCT visitor_id) {rows} GROUP BY domain
