-- The figures of days that imports brought, each day's sums over all domains. An unknown figure adds nothing; `timed` are
-- the sessions whose durations are known, `rated` those whose bounces are.
SELECT "day", coalesce(sum(visitors), 0), coalesce(sum(sessions), 0), coalesce(sum(pageviews), 0),
       coalesce(sum(events), 0), coalesce(sum(bounces), 0), coalesce(sum(seconds), 0),
       coalesce(sum(sessions) FILTER (WHERE seconds IS NOT NULL), 0) AS timed,
       coalesce(sum(sessions) FILTER (WHERE bounces IS NOT NULL), 0) AS rated
{rows} AND dimension = ''
GROUP BY "day"
