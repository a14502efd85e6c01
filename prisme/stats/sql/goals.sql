-- Conversions and visitors by the number of a goal.
SELECT number, count(*), count(DISTINCT visitor) FROM ({reached}) GROUP BY number
