-- The other visitors of slots, one by one, with the buckets in which they came.
CREATE OR REPLACE TEMP TABLE named AS SELECT DISTINCT visitor, {bucket} AS bucket
FROM (SELECT visitor, make_timestamp(CAST(slot AS BIGINT) * {slot}) AS "timestamp" {rows})
