-- Pageviews by hour of the week, 0 to 167.
SELECT {hour} AS hour, count(*) {rows} GROUP BY hour
