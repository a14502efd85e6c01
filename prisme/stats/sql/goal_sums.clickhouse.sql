-- The sums of a number of the events that reach goals, by the number of a goal and currency, and how many events have it.
SELECT number, currency, sum(amount), count(*)
FROM (
    SELECT number, {amount} AS amount, {currency} AS currency
    FROM (SELECT domain, name, property_keys, property_values, arrayJoin([{numbers}]) AS number {rows})
    WHERE number IS NOT NULL
)
WHERE amount IS NOT NULL
GROUP BY ALL
