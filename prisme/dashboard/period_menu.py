"""The menus of periods and comparisons, and the links to the period before and after."""

from typing import Any, Final

from prisme.dashboard import periods
from prisme.dashboard.periods import PERIODS
from prisme.dashboard.url_state import UrlState
from prisme.stats.parameters import StatsQuery

_COMPARISONS: Final = {
    "previous": "Previous period",
    "year": "Same period last year",
    "none": "No comparison",
}


def build_period_values(state: UrlState, query: StatsQuery, now: int) -> dict[str, Any]:
    """What the template shows of the period and of the one it is compared with. `now` is in microseconds."""
    description = describe_period(query)
    return {
        "period": state.period,
        "periods": _build_periods(state),
        "period_title": PERIODS[state.period].title if state.period != periods.CUSTOM else description,
        "period_text": description,
        "first_day": periods.format_day(query.span.start, query.zone),
        "last_day": periods.format_day(query.span.end - 1, query.zone),
        "compared_text": _describe_compared(query),
        "previous_link": _link_shifted(state, query, now, -1),
        "next_link": _link_shifted(state, query, now, 1),
        "comparisons": _build_comparisons(state, query),
    }


def describe_period(query: StatsQuery) -> str:
    """The period in words: `1 to 24 Nov 2026`."""
    return periods.describe(query.span.start, query.span.end, query.zone)


def _describe_compared(query: StatsQuery) -> str:
    if query.compared is None:
        return ""
    return periods.describe(query.compared.start, query.compared.end, query.zone)


def _build_periods(state: UrlState) -> list[tuple[str, str, str, str]]:
    return [
        (name, period.title, period.key, state.link({"period": name, "from": None, "to": None}))
        for name, period in PERIODS.items()
    ]


def _build_comparisons(state: UrlState, query: StatsQuery) -> list[tuple[str, str, str, bool]]:
    current, without_dates = _find_comparison(state, query), {"compare-from": None, "compare-to": None}
    return [
        (name, title, state.link({"compare": name, **without_dates}), name == current)
        for name, title in _COMPARISONS.items()
    ]


def _find_comparison(state: UrlState, query: StatsQuery) -> str:
    """A key of `_COMPARISONS`, or `custom`."""
    if query.compared is None:
        return "none"
    return periods.CUSTOM if state.get("compare-from") else state.get("compare") or "previous"


def _link_shifted(state: UrlState, query: StatsQuery, now: int, direction: int) -> str:
    if state.period == "all":
        return ""
    changes = periods.shift(query, now, direction)
    return "" if changes is None else state.link(changes)
