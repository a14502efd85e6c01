-- Visitors with any pageview or event.
SELECT count(DISTINCT visitor_id) FROM ({rows})
