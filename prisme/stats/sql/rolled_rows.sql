-- The rows of lists in units, with the columns of `breakdown`; `which` is the number of the list. Visitors are those
-- with generated ids: a unit's are new ones, but those that had the same key on the day before, in another unit or row.
SELECT CASE list {numbers} END AS which, key, {visitors} AS visitors, {sessions} AS sessions, {actions} AS actions,
       {entries} AS entries, {bounces} AS bounces, {durations} AS durations
{rows} AND unit IN ({units}) AND list IN ({lists})
GROUP BY list, key
