"""The tables and columns from which figures are counted, by the figures' names."""

from typing import Final

# Events other than pageviews. (The number in `sessions` counts the whole session, not the part within a span.)
EVENTS: Final = ("events_custom", "file_downloads", "outbound_link_clicks")
# The tables whose rows a series counts.
SERIES: Final[dict[str, tuple[str, ...]]] = {
    "visitors": ("pageviews",),
    "sessions": ("sessions",),
    "pageviews": ("pageviews",),
    "events": EVENTS,
    "bounces": ("sessions",),
    "sessions-duration": ("sessions",),  # in seconds, on average
}
# The sessions that bounces are of, where imports do not know the bounces of all sessions.
RATED: Final = "rated-sessions"
# Filters on where in its country a visit came from, each on the column of that name.
PLACES: Final = ("region", "city")
# Filters for which many sites have no values.
RARE: Final = (*PLACES, "imported")
# As many places have one name, they have their country beside it, such as `Paris (FR)`. Empty where unknown.
REGION, CITY = (f"CASE {name} WHEN '' THEN '' ELSE {name} || ' (' || country_code || ')' END" for name in PLACES)
# The column, or expression, by which a list counts the rows of a table; `Dialect.column` is how an engine writes it.
TOPS: Final[dict[str, tuple[str, str]]] = {
    "top-pages": ("path", "pageviews"),
    "top-entry-pages": ("entry_path", "sessions"),
    "top-exit-pages": ("exit_path", "sessions"),
    "top-sources": ("source", "sessions"),
    "top-channels": ("channel", "sessions"),
    "top-referrers": ("referrer_domain", "sessions"),
    "top-utm-sources": ("utm_source", "sessions"),
    "top-utm-mediums": ("utm_medium", "sessions"),
    "top-utm-campaigns": ("utm_campaign", "sessions"),
    "top-utm-terms": ("utm_term", "sessions"),
    "top-utm-contents": ("utm_content", "sessions"),
    "top-countries": ("country_code", "sessions"),
    "top-regions": (REGION, "sessions"),
    "top-cities": (CITY, "sessions"),
    "top-operating-systems": ("operating_system", "sessions"),
    "top-browsers": ("browser_family", "sessions"),
    "top-devices": ("device", "sessions"),
    "top-device-types": ("device_type", "sessions"),
    "top-statuses": ("status", "pageviews"),
    "top-custom-events": ("name", "events_custom"),
    "top-outbound-links": ("link", "outbound_link_clicks"),
    "top-file-downloads": ("url", "file_downloads"),
}
PROPERTIES: Final = "custom-properties"
HOURS: Final = "weekday-hours"
LIVE: Final = "live-visitors"


def time_column(table: str) -> str:
    """Return the column that holds the time of a table's rows."""
    return "entry_timestamp" if table == "sessions" else '"timestamp"'
