"""The menus of periods and comparisons, and the links to the period before and after."""

from typing import Any, Final

from prisme.dashboard import periods
from prisme.dashboard.periods import PERIODS
from prisme.dashboard.url_state import UrlState
from prisme.stats.parameters import Asked

_COMPARISONS: Final = {
    "previous": "Previous period",
    "year": "Same period last year",
    "none": "No comparison",
}


def build_period_values(state: UrlState, asked: Asked, now: int) -> dict[str, Any]:
    """What the template shows of the period and of the one it is compared with. `now` is in microseconds."""
    description = describe_period(asked)
    return {
        "period": state.period,
        "periods": _build_periods(state),
        "period_title": PERIODS[state.period].title if state.period != periods.CUSTOM else description,
        "period_text": description,
        "first_day": periods.format_day(asked.span.start, asked.zone),
        "last_day": periods.format_day(asked.span.end - 1, asked.zone),
        "compared_text": _describe_compared(asked),
        "previous_link": _link_shifted(state, asked, now, -1),
        "next_link": _link_shifted(state, asked, now, 1),
        "comparisons": _build_comparisons(state, asked),
    }


def describe_period(asked: Asked) -> str:
    """The period in words: `1 to 24 Nov 2026`."""
    return periods.describe(asked.span.start, asked.span.end, asked.zone)


def _describe_compared(asked: Asked) -> str:
    if asked.compared is None:
        return ""
    return periods.describe(asked.compared.start, asked.compared.end, asked.zone)


def _build_periods(state: UrlState) -> list[tuple[str, str, str, str]]:
    return [
        (name, period.title, period.key, state.link({"period": name, "from": None, "to": None}))
        for name, period in PERIODS.items()
    ]


def _build_comparisons(state: UrlState, asked: Asked) -> list[tuple[str, str, str, bool]]:
    current, without_dates = _find_comparison(state, asked), {"compare-from": None, "compare-to": None}
    return [
        (name, title, state.link({"compare": name, **without_dates}), name == current)
        for name, title in _COMPARISONS.items()
    ]


def _find_comparison(state: UrlState, asked: Asked) -> str:
    """A key of `_COMPARISONS`, or `custom`."""
    if asked.compared is None:
        return "none"
    return periods.CUSTOM if state.get("compare-from") else state.get("compare") or "previous"


def _link_shifted(state: UrlState, asked: Asked, now: int, direction: int) -> str:
    if state.period == "all":
        return ""
    changes = periods.shift(asked, now, direction)
    return "" if changes is None else state.link(changes)
