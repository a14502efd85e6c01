"""What a page compares its period with: calendar periods with calendar periods, and those not over yet up to now."""

from typing import Final

from prisme.dashboard import periods
from prisme.dashboard.periods import PERIODS
from prisme.dashboard.url_state import UrlState
from prisme.stats.parameters import COMPARE, read_span

PREVIOUS: Final = "previous"
YEAR: Final = "year"


def comparison_parameters(state: UrlState, now: int) -> dict[str, str]:
    """The parameters of the stats API for the page's comparison; `now` is in microseconds.

    Raises InputError for a wrong period.
    """
    given = state.stats_parameters()
    chosen = given.get("compare", PREVIOUS)
    if "compare-from" in given or "compare-to" in given or chosen not in (PREVIOUS, YEAR):
        return {name: text for name, text in given.items() if name in COMPARE}
    step = _find_step(state, given, now)
    if not step:
        return {"compare": chosen}
    if chosen == PREVIOUS:
        return {"compare": step}
    # By days, each is compared with one of the same weekday.
    return {"compare": "-1y" if step[-1] in "My" else "-52w"}


def _find_step(state: UrlState, given: dict[str, str], now: int) -> str:
    """How much earlier the period before is; empty for periods that do not begin with a day."""
    if state.period != periods.CUSTOM:
        return PERIODS[state.period].step
    unit, count = periods.measure(*read_span(given, now), now)
    return "" if unit == "s" else f"-{count}{unit}"
