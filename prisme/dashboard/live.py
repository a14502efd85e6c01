"""The live page: the last 30 minutes, by minute, and the pages, sources and countries of these visits."""

from typing import Any, Final

import msgspec

from prisme.dashboard import chart, chart_scale, filter_terms
from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.list_types import LIST_TYPES, SOURCES, stats_name
from prisme.dashboard.metrics import METRICS
from prisme.dashboard.number_format import format_count, format_exact
from prisme.dashboard.panels import Tab
from prisme.dashboard.row_labels import label_row
from prisme.dashboard.url_state import DASHBOARD, UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.short_lists import Count, count_lists

LIVE: Final = f"{DASHBOARD}/live"
STAMP: Final = f"{DASHBOARD}/stamp"
# The 29 minutes before this one, and this one.
PERIOD: Final = {"from": "now-29m/m", "to": "now", "interval": "minute"}
ROWS: Final = 10
_TITLES: Final = {"top-pages": mark("Pages"), SOURCES: mark("Sources"), "top-countries": mark("Countries")}
# Per mille of the width between two bars.
_GAP: Final = 6
_LABEL_EVERY: Final = 5


class Bar(msgspec.Struct, frozen=True):
    """A minute: its bar in percent of the chart's width and height, and the values of its row in the table."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: str


class LiveRow(msgspec.Struct, frozen=True):
    """A row of a list, its bar in %; `link` filters by it, or removes that filter if `active`."""

    label: str
    value: str
    bar: float
    link: str
    active: bool


class LiveList(msgspec.Struct, frozen=True):
    """A list of the page."""

    id: str
    title: str
    rows: list[LiveRow]


def build_live(stats: Stats, state: UrlState, query: StatsQuery, now: int) -> dict[str, Any]:
    """What the template `live.html` shows of the span of `query`, which has buckets of a minute, at `now`."""
    count: Count = "pageviews" if state.get("metric") == "pageviews" else "visitors"
    series = stats.series(("visitors", "pageviews"), query.filters, query.span)
    counts = count_lists(stats, query.filters, query.span, count, ROWS)
    values = series["visitors"].frame.values
    top, step = chart_scale.choose_scale(max(values, default=0), whole_numbers=True)
    return {
        "live": format_exact(stats.live_visitors(query.filters, now).values[0]),
        "totals": [(translate(METRICS[name].title), format_exact(one.total)) for name, one in series.items()],
        "bars": _build_bars(query, values, top),
        "ticks": [
            (chart_scale.to_percent(chart_scale.to_y(step * number, top)), format_count(step * number))
            for number in range(round(top / step) + 1)
        ],
        "count": translate(METRICS[count].title),
        "counts": [
            Tab(translate(METRICS[name].title), state.link({"metric": metric}, LIVE), name == count)
            for name, metric in (("visitors", None), ("pageviews", "pageviews"))
        ],
        "lists": _build_lists(state, counts),
        "chips": [msgspec.structs.replace(chip, link=_stay(state, chip.link)) for chip in build_chips(state)],
    }


def _stay(state: UrlState, link: str) -> str:
    """The link to the dashboard as one to the live page."""
    return state.root + LIVE + link.removeprefix(state.root + DASHBOARD)


def _build_bars(query: StatsQuery, values: list[int | float], top: float) -> list[Bar]:
    width = chart_scale.WIDTH / len(values)
    return [
        Bar(
            round((number * width + _GAP / 2) / 10, 2),
            chart_scale.to_percent(chart_scale.to_y(value, top)),
            round((width - _GAP) / 10, 2),
            round(100 * value / top, 2),
            chart.format_label(query.span.edges[number], "minute", query.zone),
            format_exact(value),
        )
        for number, value in enumerate(values)
    ]


def _build_lists(state: UrlState, counts: dict[str, list[tuple[str, int]]]) -> list[LiveList]:
    return [_build_list(state, name, title, counts[stats_name(name)]) for name, title in _TITLES.items()]


def _build_list(state: UrlState, name: str, title: str, found: list[tuple[str, int]]) -> LiveList:
    """The list of these keys and counts, the highest first."""
    highest = max((count for _, count in found), default=1)
    return LiveList(
        title.lower(), translate(title), [_build_row(state, name, key, count, highest) for key, count in found]
    )


def _build_row(state: UrlState, name: str, key: str, count: int, highest: int) -> LiveRow:
    filter_name = LIST_TYPES[name].filter
    term = filter_terms.make_value_term(filter_name, key)
    current = state.get(filter_name)
    link = state.link({filter_name: filter_terms.toggle(current, term)}, LIVE)
    bar = round(100 * count / highest, 1)
    return LiveRow(label_row(name, key), format_exact(count), bar, link, term in filter_terms.split(current))
