-- Visitors of slots by bucket, and, with the bucket NULL, those of the whole part. Of those with generated ids, the ones
-- count who were not there before, in the bucket or in the part; the others are counted one by one.
WITH came AS (
    SELECT visitors, since, bucket, {bucket} AS bucket_before
    FROM (
        SELECT visitors, since, {bucket} AS bucket,
            make_timestamp(CAST(greatest(since, {first}) AS BIGINT) * {slot}) AS "timestamp"
        FROM (SELECT visitors, since, make_timestamp(CAST(slot AS BIGINT) * {slot}) AS "timestamp" {rows})
    )
),
named AS MATERIALIZED (
    SELECT DISTINCT visitor, {bucket} AS bucket
    FROM (SELECT visitor, make_timestamp(CAST(slot AS BIGINT) * {slot}) AS "timestamp" {named_rows})
)
SELECT bucket, sum(visitors) FROM came WHERE since < {first} OR bucket_before <> bucket GROUP BY bucket
UNION ALL SELECT bucket, count(*) FROM named GROUP BY bucket
UNION ALL SELECT NULL, sum(visitors) FROM came WHERE since < {first}
UNION ALL SELECT NULL, count(DISTINCT visitor) FROM named
