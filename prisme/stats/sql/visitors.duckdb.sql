-- Visitors and pageviews by bucket; bucket -1 is the whole span.
-- Grouping by bucket and visitor first is twice as fast as `count(DISTINCT visitor_id)` by bucket.
WITH seen AS MATERIALIZED (SELECT bucket, visitor_id, count(*) AS views FROM ({rows}) GROUP BY ALL)
SELECT bucket, count(*) AS visitors, sum(views) AS pageviews FROM seen GROUP BY bucket
UNION ALL SELECT -1, count(DISTINCT visitor_id), coalesce(sum(views), 0) FROM seen
