"""Questions in SQL to begin with, each with its title."""

from typing import Final

from prisme.dashboard.words import mark

EXAMPLES: Final = (
    (
        mark("Visitors by day"),
        """\
SELECT timestamp::DATE AS day, count(DISTINCT visitor_id) AS visitors
FROM pageviews
GROUP BY ALL ORDER BY day""",
    ),
    (
        mark("Pages that are read most"),
        """\
SELECT domain, path, count(*) AS pageviews
FROM pageviews
GROUP BY ALL ORDER BY pageviews DESC LIMIT 50""",
    ),
    (
        mark("Where visitors come from, and how long they stay"),
        """\
SELECT referrer_domain, count(*) AS sessions,
       avg(exit_timestamp - entry_timestamp) FILTER (NOT is_bounce) AS stay
FROM sessions
GROUP BY ALL ORDER BY sessions DESC LIMIT 50""",
    ),
    (
        mark("From page to page"),
        """\
WITH steps AS (
  SELECT path, lead(path) OVER (PARTITION BY session_uuid ORDER BY timestamp) AS next
  FROM pageviews
)
SELECT path, next, count(*) AS times
FROM steps
WHERE next IS NOT NULL
GROUP BY ALL ORDER BY times DESC LIMIT 50""",
    ),
    (
        mark("Values of an event's property"),
        """\
SELECT name, properties->>'plan' AS plan, count(*) AS events
FROM events_custom
GROUP BY ALL ORDER BY events DESC LIMIT 50""",
    ),
)
