-- Events by bucket, of a part of a span.
SELECT bucket, count(*) FROM ({rows}) GROUP BY bucket
