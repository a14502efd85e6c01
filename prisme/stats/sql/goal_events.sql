-- The custom events that reach goals, with the number that a goal sums, and its currency.
SELECT number, visitor_id, session_uuid, reached_at, {amount} AS amount, {currency} AS currency
FROM (
    SELECT domain, name, properties, visitor_id, session_uuid, "timestamp" AS reached_at, unnest([{numbers}]) AS number {rows}
)
WHERE number IS NOT NULL
