-- Visitors by domain and bucket; bucket -1 is the whole span.
WITH seen AS MATERIALIZED (SELECT domain, {bucket} AS bucket, visitor_id {rows} GROUP BY ALL)
SELECT domain, bucket, count(*) FROM seen GROUP BY ALL
UNION ALL SELECT domain, -1, count(DISTINCT visitor_id) FROM seen GROUP BY domain
