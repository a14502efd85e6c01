-- The pageviews or events of a unit.
CREATE OR REPLACE TEMP TABLE action AS
SELECT
    domain, {visitor} AS visitor, epoch_us("timestamp") // {slot} AS slot,
    "timestamp" < make_timestamp($second_day) AS is_first_day, {columns}
FROM {table}
WHERE "timestamp" >= make_timestamp($start) AND "timestamp" < make_timestamp($stop)
