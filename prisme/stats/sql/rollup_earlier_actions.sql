-- Those of the day before, of the visitors of the first day.
CREATE OR REPLACE TEMP TABLE earlier_action AS
SELECT domain, hash(visitor_id) AS visitor, epoch_us("timestamp") // {slot} AS slot, {columns}
FROM {table}
WHERE "timestamp" >= make_timestamp($day_before) AND "timestamp" < make_timestamp($start)
    AND hash(visitor_id) IN (SELECT visitor FROM action WHERE is_first_day AND is_local)
