-- The rows of a list that imports brought, with the columns of `breakdown`; `which` is the number of the list.
SELECT {which} AS which, "value" AS key, {figures}
{rows} AND dimension = '{dimension}'
GROUP BY "value"
