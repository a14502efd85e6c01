-- The keys of a list that imports brought, with their counts in the list's own unit.
SELECT {which} AS which, "value" AS key, CAST(sum({unit}) AS BIGINT) AS count
{rows} AND dimension = '{dimension}'
GROUP BY "value"
HAVING sum({unit}) > 0
