-- The visits of a unit: those that began in it, and, with `begins` false, earlier ones that had pageviews in it.
CREATE OR REPLACE TEMP TABLE visit AS
WITH viewed AS (
    SELECT session_uuid, count(*) AS views FROM pageviews
    WHERE "timestamp" >= make_timestamp($start) AND "timestamp" < make_timestamp($stop)
    GROUP BY session_uuid
)
SELECT
    domain, {visitor} AS visitor, true AS begins, coalesce(views, 0) AS views,
    is_bounce, {duration} AS duration, epoch_us(entry_timestamp) // {slot} AS slot, {columns}
FROM sessions LEFT JOIN viewed USING (session_uuid)
WHERE entry_timestamp >= make_timestamp($start) AND entry_timestamp < make_timestamp($stop)
UNION ALL
SELECT domain, 0, false, views, false, 0, 0, {columns}
FROM sessions JOIN viewed USING (session_uuid)
WHERE entry_timestamp < make_timestamp($start) OR entry_timestamp >= make_timestamp($stop)
