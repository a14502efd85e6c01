"""All figures of a dashboard page in one response."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from prisme.base.timexpr import Interval
from prisme.stats.breakdown import read_lists
from prisme.stats.cache.figure_cache import FigureCache
from prisme.stats.columns import HOURS, PROPERTIES, SERIES, TOPS
from prisme.stats.frames import Frame, Result, Series, make_list
from prisme.stats.imported import add_to_series, describe
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Imported, Page, Period, Selection

# All lists.
EVERYTHING: Final = (*TOPS, PROPERTIES, HOURS)


class Dashboard(msgspec.Struct, frozen=True, rename="kebab"):
    """All figures of a page. Those of the compared span are None without a comparison.

    `imported` says which of them imports brought, if any.
    """

    period: Period
    compared_period: Period | None
    interval: Interval
    tz: str
    live_visitors: int | float
    totals: dict[str, int | float]
    compared_totals: dict[str, int | float] | None
    series: dict[str, Frame]
    compared_series: dict[str, Frame] | None
    tops: dict[str, Frame]
    custom_properties: Frame
    weekday_hours: Frame
    compared_tops: dict[str, Frame] | msgspec.UnsetType = msgspec.UNSET
    imported: Imported | msgspec.UnsetType = msgspec.UNSET
    compared_imported: Imported | msgspec.UnsetType = msgspec.UNSET


def build_dashboard(
    stats: Stats,
    query: StatsQuery,
    now: int,
    cache: FigureCache,
    compared_tops: Collection[str] = (),
    names: Sequence[str] = EVERYTHING,
) -> Dashboard:
    """Return the figures of a page; `now` is in microseconds.

    `compared_tops` are those of `TOPS` that are also returned for the compared span. `names` are the lists to count;
    others are missing or, if they are no top list, empty.
    """
    shown, compared = _count_all(stats, query, now, cache, tuple(compared_tops), tuple(names))
    tops = {name: frame for name, frame in shown.frames.items() if name in TOPS}
    return Dashboard(
        period=Period.of(query.span),
        compared_period=None if query.compared is None else Period.of(query.compared),
        interval=query.interval,
        tz=query.zone.key,
        live_visitors=stats.live_visitors(query.filters, now).values[0],
        totals=_totals(shown.series),
        compared_totals=None if compared is None else _totals(compared.series),
        series=_frames(shown.series),
        compared_series=None if compared is None else _frames(compared.series),
        tops=tops,
        custom_properties=shown.frames.get(PROPERTIES, make_list(query.span, [])),
        weekday_hours=shown.frames.get(HOURS, make_list(query.span, [])),
        compared_tops=compared.frames if compared is not None and compared_tops else msgspec.UNSET,
        imported=describe(stats, query.filters, query.span) or msgspec.UNSET,
        compared_imported=(query.compared and describe(stats, query.filters, query.compared)) or msgspec.UNSET,
    )


def _count_all(
    stats: Stats,
    query: StatsQuery,
    now: int,
    cache: FigureCache,
    compared_tops: tuple[str, ...],
    names: tuple[str, ...],
) -> tuple[Result, Result | None]:
    """Count the span, and the compared one."""
    selections = [Selection(names, query.filters, query.span, query.zone)]
    if query.compared is not None:
        selections.append(Selection(compared_tops, query.filters, query.compared, query.zone))
    counted = cache.count(stats, selections, query.page, now)
    shown, *others = (
        _add_imported(stats, selection, count_anew(stats, selection, query.page) if result is None else result)
        for selection, result in zip(selections, counted, strict=True)
    )
    return shown, others[0] if others else None


def _add_imported(stats: Stats, selection: Selection, result: Result) -> Result:
    """The result with the series of imports; its lists have them already."""
    return Result(add_to_series(stats, result.series, selection.filters, selection.span), result.frames)


def count_anew(stats: Stats, selection: Selection, page: Page) -> Result:
    """Return what `FigureCache.count` returns, without any cache."""
    names, filters, span, zone = selection
    frames = read_lists(stats, [name for name in names if name in TOPS], filters, span, page)
    if PROPERTIES in names:
        frames[PROPERTIES] = stats.properties(filters, span, page)
    if HOURS in names:
        frames[HOURS] = stats.weekday_hours(filters, span, zone)
    return Result(stats.series(SERIES, filters, span), frames)


def _totals(series: dict[str, Series]) -> dict[str, int | float]:
    return {name: one.total for name, one in series.items()}


def _frames(series: dict[str, Series]) -> dict[str, Frame]:
    return {name: one.frame for name, one in series.items()}
