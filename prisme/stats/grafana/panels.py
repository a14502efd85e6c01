"""What the dashboard shows: the panels, in the order of the page, and where each has its place."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from prisme.stats.list_metrics import list_metrics

Json = dict[str, Any]
COLUMNS: Final = 24  # that Grafana divides a page into
_COUNT, _SHARE, _SECONDS = "short", "percentunit", "s"
RATE, DURATION = "Bounce rate", "Average duration"
# The figures of the whole span by their titles, with the units that Grafana knows.
TOTALS: Final = {"Visitors": _COUNT, "Sessions": _COUNT, "Pageviews": _COUNT, RATE: _SHARE, DURATION: _SECONDS}
ROWS: Final = 10  # of a list


class Query(NamedTuple):
    """What a panel asks a data source for, and what Grafana makes of the answers."""

    targets: list[Json]
    transformations: Sequence[Json] = ()


class Series(NamedTuple):
    """A figure over time: its name in the stats API, and its unit."""

    name: str
    title: str
    unit: str


class Top(NamedTuple):
    """A list: its name in the stats API, and what its keys are."""

    name: str
    title: str
    key: str

    @property
    def unit(self) -> str:
        """The title of its numbers: of the unit that the list has by default."""
        return list_metrics(self.name)[0].capitalize()


SERIES: Final = (
    Series("visitors", "Visitors", _COUNT),
    Series("sessions", "Sessions", _COUNT),
    Series("pageviews", "Pageviews", _COUNT),
    Series("bounce-rate", RATE, _SHARE),
    Series("sessions-duration", DURATION, _SECONDS),
    Series("events", "Events", _COUNT),
)
TOPS: Final = (
    Top("top-pages", "Top pages", "Page"),
    Top("top-entry-pages", "Entry pages", "Page"),
    Top("top-exit-pages", "Exit pages", "Page"),
    Top("top-sources", "Sources", "Source"),
    Top("top-channels", "Channels", "Channel"),
    Top("top-utm-campaigns", "Campaigns", "Campaign"),
    Top("top-countries", "Countries", "Country"),
    Top("top-browsers", "Browsers", "Browser"),
    Top("top-operating-systems", "Operating systems", "System"),
    Top("top-device-types", "Types of devices", "Type"),
    Top("top-devices", "Devices", "Device"),
    Top("top-custom-events", "Custom events", "Event"),
    Top("top-file-downloads", "File downloads", "File"),
    Top("top-outbound-links", "Outbound links", "Link"),
)


def totals_panel(datasource: Json, query: Query) -> Json:
    """All figures of the span, side by side."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/", "values": False},
        "graphMode": "none",
        "colorMode": "none",
        "textMode": "value_and_name",
        "orientation": "vertical",
    }
    overrides = [_override(title, {"id": "unit", "value": unit}) for title, unit in TOTALS.items()]
    return _panel("stat", "Totals", datasource, query, {"unit": _COUNT}, overrides, options)


def series_panel(series: Series, datasource: Json, query: Query) -> Json:
    """A figure over time. Buckets without any are not there, which bars show as they are."""
    custom = {"drawStyle": "bars", "fillOpacity": 60, "lineWidth": 0, "barAlignment": 1}
    options = {"legend": {"showLegend": False}, "tooltip": {"mode": "single"}}
    defaults = {"unit": series.unit, "min": 0, "custom": custom}
    return _panel("timeseries", series.title, datasource, query, defaults, [], options)


def top_panel(top: Top, datasource: Json, query: Query) -> Json:
    """A list."""
    bars = {"id": "custom.cellOptions", "value": {"type": "gauge", "mode": "basic"}}
    overrides = [_override(top.unit, bars, {"id": "unit", "value": _COUNT})]
    defaults = {"color": {"mode": "fixed", "fixedColor": "blue"}, "min": 0}
    return _panel("table", top.title, datasource, query, defaults, overrides, {"showHeader": True})


def places(widths_and_heights: list[tuple[int, int]]) -> Iterator[Json]:
    """Where panels are, from left to right and from top to bottom; those of a row have one height."""
    left = top = bottom = 0
    for width, height in widths_and_heights:
        if left + width > COLUMNS:
            left, top = 0, bottom
        yield {"x": left, "y": top, "w": width, "h": height}
        left, bottom = left + width, top + height


def _panel(
    kind: str, title: str, datasource: Json, query: Query, defaults: Json, overrides: list[Json], options: Json
) -> Json:
    return {
        "type": kind,
        "title": title,
        "datasource": datasource,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
        "targets": query.targets,
        "transformations": [*query.transformations],
    }


def _override(title: str, *properties: Json) -> Json:
    return {"matcher": {"id": "byName", "options": title}, "properties": list(properties)}
