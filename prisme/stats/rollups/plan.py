"""Which unit of rollups is to be made next."""

import datetime
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from prisme.base.timexpr import SECOND
from prisme.store.load_log import LoadLog
from prisme.store.rollups import DAY, Ask, Unit, day_of, moment

# A unit of fewer pageviews, or of few for each site, is worth making only where the month ends, or other units follow.
# What is in no unit is counted from the rows: of a busy site, those of a day.
_FEWEST_PAGEVIEWS: Final = 30_000
_FEWEST_OF_SITE: Final = 1_000
_ONE_DAY: Final = datetime.timedelta(days=1)
_FIRST: Final = """
SELECT epoch_us(min(first)) FROM (
    SELECT min(entry_timestamp) AS first FROM sessions
    UNION ALL SELECT min("timestamp") FROM pageviews
    UNION ALL SELECT min("timestamp") FROM events_custom
    UNION ALL SELECT min("timestamp") FROM file_downloads
    UNION ALL SELECT min("timestamp") FROM outbound_link_clicks
)
"""
_DAY: Final = """
SELECT count(*), list(DISTINCT domain) FROM pageviews
WHERE "timestamp" >= make_timestamp($start) AND "timestamp" < make_timestamp($stop)
"""


# Visits mostly end within half an hour after midnight; one that goes on drops the unit again.
_AFTER_MIDNIGHT: Final = 2 * 3600 * SECOND
# A day is quiet once no load of so many seconds has reached back to it.
_QUIET: Final = 900.0


class Gap(NamedTuple):
    """Days in no unit, within one month: from `first` up to `end`, excluded. `is_closed`: no days come after them."""

    first: datetime.date
    end: datetime.date
    is_closed: bool


def find_end(load_log: LoadLog, now: int, at_once: bool = False) -> int:
    """Up to when days are over and quiet, in microseconds as `now`; `at_once`: up to when they are over."""
    over = now - _AFTER_MIDNIGHT
    lately = None if at_once else load_log.lately(_QUIET)
    return over if lately is None else min(over, lately)


def next_unit(ask: Ask, units: Sequence[Unit], until: int) -> Unit | None:
    """The unit without a number to be made next, of days that end at `until` or earlier (microseconds).

    A month comes once all its days are in units. None if there is nothing to do now.
    """
    days = [unit for unit in units if not unit.is_month]
    for month in _whole_months(days, {unit.first for unit in units if unit.is_month}):
        return month
    for gap in find_gaps(ask, units, until):
        unit = choose_unit(ask, gap)
        if unit is not None:
            return unit
    return None


def find_gaps(ask: Ask, units: Sequence[Unit], until: int) -> Iterator[Gap]:
    """The days that no unit has, from that of the first row on, which end at `until` or earlier (microseconds)."""
    ((first,),) = ask(_FIRST, {})
    if first is not None:
        yield from _list_gaps([unit for unit in units if not unit.is_month], day_of(first), day_of(until))


def following_month(day: datetime.date) -> datetime.date:
    """The first day of the next month."""
    return (day.replace(day=1) + datetime.timedelta(days=31)).replace(day=1)


def _whole_months(days: Sequence[Unit], known: set[datetime.date]) -> Iterator[Unit]:
    """Months that several units make up."""
    by_month: dict[datetime.date, list[Unit]] = {}
    for unit in days:
        by_month.setdefault(unit.first.replace(day=1), []).append(unit)
    for first, units in by_month.items():
        end = following_month(first)
        is_whole = (
            units[0].first == first and units[-1].end == end and all(a.end == b.first for a, b in pairwise(units))
        )
        if len(units) > 1 and is_whole and first not in known:
            yield Unit(0, first, end, True, any(unit.has_named for unit in units))


def _list_gaps(days: Sequence[Unit], first: datetime.date, end: datetime.date) -> Iterator[Gap]:
    at = first
    for start, stop in [*((unit.first, unit.end) for unit in days), (end, end)]:
        while at < min(start, end):
            last = following_month(at)
            stop_at = min(last, start, end)
            gap = Gap(at, stop_at, stop_at == last or stop_at < end)
            yield gap
            at = gap.end
        at = max(at, stop)


def choose_unit(ask: Ask, gap: Gap) -> Unit | None:
    """The first unit of a gap, if it is worth it."""
    pageviews, domains, day = 0, set[str](), gap.first
    while day < gap.end:
        start = moment(day)
        ((count, of_day),) = ask(_DAY, {"start": start, "stop": start + DAY})
        day += _ONE_DAY
        pageviews += count
        domains.update(of_day or ())
        if pageviews >= max(_FEWEST_PAGEVIEWS, _FEWEST_OF_SITE * len(domains)):
            return Unit(0, gap.first, day, False, False)
    return Unit(0, gap.first, gap.end, False, False) if gap.is_closed else None
