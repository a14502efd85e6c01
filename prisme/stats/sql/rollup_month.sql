-- The keys of units that follow each other, as those of one. Visitors with generated ids are of one day, or of two that
-- follow each other: between two units, those of both are the ones that the second one has `again`.
INSERT INTO {keys}
SELECT
    list, domain, key, sum(count), sum(visitors) - coalesce(sum(again) FILTER (unit <> {first}), 0),
    coalesce(sum(again) FILTER (unit = {first}), 0), sum("views"), sum(bounces), sum(durations)
FROM rollup.keys WHERE unit IN ({units})
GROUP BY list, domain, key
