-- Pageviews or events by bucket; bucket -1 is the whole span.
SELECT coalesce(bucket, -1), count(*) FROM ({rows}) GROUP BY GROUPING SETS ((bucket), ())
