SELECT visitors AS "Visitors", sessions AS "Sessions", pageviews AS "Pageviews", rate AS "Bounce rate",
       duration AS "Average duration"
FROM (
    SELECT count(DISTINCT visitor_id) AS visitors, count() AS pageviews FROM pageviews WHERE {within}
) AS viewed
CROSS JOIN (
    SELECT count() AS sessions, countIf(is_bounce) / nullIf(count(), 0) AS rate,
           avgOrNull(greatest(toUnixTimestamp64Micro(exit_timestamp) - toUnixTimestamp64Micro(entry_timestamp), 0)) / 1e6
               AS duration
    FROM sessions FINAL WHERE {within_entry}
) AS entered
