"""The figures of a whole span, beside those of the span that it is compared with."""

import msgspec

from prisme.stats.cache.figure_cache import FigureCache
from prisme.stats.dashboard import build_dashboard
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Imported, Period


class Totals(msgspec.Struct, frozen=True, rename="kebab"):
    """A response: what `Dashboard` has without its series and lists."""

    period: Period
    compared_period: Period | None
    tz: str
    live_visitors: int | float
    totals: dict[str, int | float]
    compared_totals: dict[str, int | float] | None
    imported: Imported | msgspec.UnsetType = msgspec.UNSET
    compared_imported: Imported | msgspec.UnsetType = msgspec.UNSET


def build_totals(stats: Stats, query: StatsQuery, now: int, cache: FigureCache) -> Totals:
    """Return the figures of a query's spans; `now` is in microseconds."""
    page = build_dashboard(stats, query, now, cache, names=())
    return Totals(
        page.period,
        page.compared_period,
        page.tz,
        page.live_visitors,
        page.totals,
        page.compared_totals,
        page.imported,
        page.compared_imported,
    )
