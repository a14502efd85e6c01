"""The menus of periods and comparisons, and the links to the period before and after."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from prisme.base import timexpr
from prisme.dashboard import periods
from prisme.dashboard.comparison import PREVIOUS, YEAR
from prisme.dashboard.intervals import build_intervals, fits
from prisme.dashboard.periods import PERIODS, Period
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.words import mark, translate
from prisme.stats.parameters import StatsQuery

_COMPARISONS: Final = {
    PREVIOUS: mark("vs. previous period"),
    YEAR: mark("vs. same period last year"),
    "none": mark("No comparison"),
}
# What a period with dates of its own does not keep: another one may be too long for the interval.
WITHOUT_DATES: Final[Mapping[str, str | None]] = {"from": None, "to": None, "interval": None}


class PeriodLink(msgspec.Struct, frozen=True):
    """A named period, its keyboard shortcut as the browser names it and as people read it, and the page with it."""

    name: str
    title: str
    key: str
    keys: str
    link: str


def build_period_values(state: UrlState, query: StatsQuery, now: int) -> dict[str, Any]:
    """What the template shows of the period and of the one it is compared with. `now` is in microseconds."""
    description = describe_period(query)
    return {
        "period": state.period,
        "periods": _build_periods(state, query, now),
        "period_title": translate(PERIODS[state.period].title) if state.period != periods.CUSTOM else description,
        "period_text": description,
        "first_day": periods.format_day(query.span.start, query.zone),
        "last_day": periods.format_day(query.span.end - 1, query.zone),
        "compared_text": _describe_compared(query),
        "compared_first_day": _format_compared_day(query, first=True),
        "compared_last_day": _format_compared_day(query, first=False),
        "previous_link": _link_shifted(state, query, now, -1),
        "next_link": _link_shifted(state, query, now, 1),
        "comparisons": _build_comparisons(state, query),
        "intervals": build_intervals(state, query),
    }


def describe_period(query: StatsQuery) -> str:
    """The period in words: `1 to 24 Nov 2026`."""
    return periods.describe(query.span.start, query.span.end, query.zone)


def _describe_compared(query: StatsQuery) -> str:
    if query.compared is None:
        return ""
    return periods.describe(query.compared.start, query.compared.end, query.zone)


def _format_compared_day(query: StatsQuery, *, first: bool) -> str:
    if query.compared is None:
        return ""
    return periods.format_day(query.compared.start if first else query.compared.end - 1, query.zone)


def _build_periods(state: UrlState, query: StatsQuery, now: int) -> list[PeriodLink]:
    return [_build_period(state, query, now, name, period) for name, period in PERIODS.items()]


def _build_period(state: UrlState, query: StatsQuery, now: int, name: str, period: Period) -> PeriodLink:
    changes = {**WITHOUT_DATES, "period": name}
    if period.start and state.get("interval"):
        start = timexpr.parse(period.start, now, query.zone)
        end = timexpr.parse(period.end, now, query.zone, ends=True)
        changes["interval"] = state.get("interval") if fits(state.get("interval"), start, end) else None
    keys = translate("Shift + {key}", key=period.key) if period.key.isupper() else period.key
    return PeriodLink(name, translate(period.title), period.key, keys, state.link(changes))


def _build_comparisons(state: UrlState, query: StatsQuery) -> list[tuple[str, str, str, bool]]:
    current, without_dates = _find_comparison(state, query), {"compare-from": None, "compare-to": None}
    return [
        (name, translate(title), state.link({"compare": name, **without_dates}), name == current)
        for name, title in _COMPARISONS.items()
    ]


def _find_comparison(state: UrlState, query: StatsQuery) -> str:
    """A key of `_COMPARISONS`, or `custom`."""
    if query.compared is None:
        return "none"
    return periods.CUSTOM if state.get("compare-from") else state.get("compare") or PREVIOUS


def _link_shifted(state: UrlState, query: StatsQuery, now: int, direction: int) -> str:
    if state.period == "all":
        return ""
    changes = periods.shift(query, now, direction, state.period)
    return "" if changes is None else state.link(changes)
