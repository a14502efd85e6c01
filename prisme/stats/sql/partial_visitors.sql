-- New visitors and pageviews of a part of a span: by bucket, visitors not seen in that bucket by an earlier part; with
-- the bucket NULL, visitors not seen at all by an earlier part.
WITH seen AS MATERIALIZED (SELECT came.bucket, came.id, came.views, {last} AS last FROM came {known} WHERE came.which IS NULL)
SELECT bucket, count(*) FILTER (last IS DISTINCT FROM bucket), sum(views) FROM seen GROUP BY bucket
UNION ALL SELECT NULL, count(DISTINCT id) FILTER (last IS NULL), 0 FROM seen
