-- The keys of lists in units, with their counts in the list's own unit; `which` is the number of the list.
SELECT CASE list {numbers} END AS which, key, CAST(sum(count) AS BIGINT) AS count
{rows} AND unit IN ({units}) AND list IN ({lists}) AND count > 0
GROUP BY list, key
