-- Visitors and conversions by the number of a goal; and, with a currency, the sum and how many events have a number.
WITH seen AS MATERIALIZED (
    SELECT number, currency, visitor_id, count(*) AS conversions, sum(amount) AS amount, count(amount) AS summed
    FROM ({reached})
    GROUP BY ALL
)
SELECT number, NULL AS currency, count(DISTINCT visitor_id), CAST(sum(conversions) AS BIGINT), NULL
FROM seen GROUP BY number
UNION ALL
SELECT number, currency, CAST(sum(summed) AS BIGINT), NULL, sum(amount)
FROM seen WHERE amount IS NOT NULL GROUP BY number, currency
