-- The sums of slots by bucket. A slot counts at its start.
SELECT {bucket} AS bucket, sum(pageviews), sum(events), sum(sessions), sum(bounces), sum(durations)
FROM (SELECT *, make_timestamp(CAST(slot AS BIGINT) * {slot}) AS "timestamp" {rows})
GROUP BY bucket
