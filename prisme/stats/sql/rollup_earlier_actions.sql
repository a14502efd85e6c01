-- Those of the day before, of the visitors of the first day.
CREATE OR REPLACE TEMP TABLE earlier_action AS
SELECT domain, {visitor} AS visitor, epoch_us("timestamp") // {slot} AS slot, {columns}
FROM {table}
WHERE "timestamp" >= make_timestamp($day_before) AND "timestamp" < make_timestamp($start)
    AND {visitor} IN (SELECT visitor FROM action WHERE is_first_day AND (visitor & 1) = 1)
