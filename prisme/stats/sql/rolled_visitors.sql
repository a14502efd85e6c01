-- Visitors of slots with generated ids, by bucket: those who were not in the bucket before, and of these, those who were
-- not in the whole part before.
SELECT bucket, sum(visitors), coalesce(sum(visitors) FILTER (since < {first}), 0)
FROM (
    SELECT visitors, since, bucket, {bucket} AS bucket_before
    FROM (
        SELECT visitors, since, {bucket} AS bucket,
            make_timestamp(CAST(greatest(since, {first}) AS BIGINT) * {slot}) AS "timestamp"
        FROM (SELECT visitors, since, make_timestamp(CAST(slot AS BIGINT) * {slot}) AS "timestamp" {rows})
    )
)
WHERE since < {first} OR bucket_before <> bucket
GROUP BY bucket
