-- Visitors by domain and bucket, of some domains.
SELECT domain, bucket, count(*)
FROM (SELECT DISTINCT domain, {bucket} AS bucket, visitor_id {rows} AND {chosen})
GROUP BY ALL
