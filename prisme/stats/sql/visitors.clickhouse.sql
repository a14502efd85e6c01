-- Visitors and pageviews by bucket; bucket -1 is the whole span.
SELECT coalesce(bucket, -1), count(DISTINCT visitor_id) AS visitors, count(*) AS pageviews
FROM ({rows})
GROUP BY GROUPING SETS ((bucket), ())
