"""Figures by their names, as the stats API serves them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from prisme.base.goals import Goal
from prisme.stats import parameters
from prisme.stats.breakdown import count_rows, query_list, read_lists
from prisme.stats.cache.figure_cache import FigureCache
from prisme.stats.columns import HOURS, LIVE, PROPERTIES, SERIES, TOPS
from prisme.stats.dashboard import Dashboard, build_dashboard
from prisme.stats.frames import Frame, make_list
from prisme.stats.funnels import FunnelFigures, build_funnel_figures
from prisme.stats.goals import GoalFigures, build_goal_figures
from prisme.stats.imported import add_to_series, describe
from prisme.stats.list_metrics import LIST_METRICS, check_metric, list_metrics
from prisme.stats.parameters import StatsQuery, read_query
from prisme.stats.queries import Stats
from prisme.stats.site_figures import SiteList, build_site_list
from prisme.stats.totals import Totals, build_totals

DASHBOARD: Final = "dashboard"
SITES: Final = "sites"
GOALS: Final = "goals"
FUNNELS: Final = "funnels"
# No figure of the stats API, which has it in `dashboard`.
TOTALS: Final = "totals"
# Those that are no table, and thus never CSV.
WITHOUT_CSV: Final = (SITES, DASHBOARD)
# Computes one figure; the last argument is the time now, in microseconds.
_Compute = Callable[[Stats, StatsQuery, int], Frame]


def _series(name: str) -> _Compute:
    return lambda stats, query, _: _count_series(stats, name, query)


def _count_series(stats: Stats, name: str, query: StatsQuery) -> Frame:
    # Average durations are weighted by sessions, which are counted with them.
    names = (name, "sessions") if name == "sessions-duration" else (name,)
    found = stats.series(names, query.filters, query.span)
    frame = add_to_series(stats, found, query.filters, query.span)[name].frame
    # Of days, buckets that are shorter have nothing.
    return frame if query.interval in ("minute", "hour") else _mark(stats, name, query, frame)


def _mark(stats: Stats, name: str, query: StatsQuery, frame: Frame) -> Frame:
    """The frame, with a note if figures of imports are in it."""
    imported = describe(stats, query.filters, query.span, name, query.metric)
    return frame if imported is None else msgspec.structs.replace(frame, imported=imported)


def _top(name: str) -> _Compute:
    return lambda stats, query, _: _mark(stats, name, query, _count_list(stats, name, query))


def _count_list(stats: Stats, name: str, query: StatsQuery) -> Frame:
    """The list by its own unit, or by the metric of the query: rows that have a value."""
    if query.metric in ("", list_metrics(name)[0]):
        return read_lists(stats, [name], query.filters, query.span, query.page)[name]
    metric = LIST_METRICS[query.metric]
    rows = count_rows(stats, [query_list(name, query.metric, query.page)], query.filters, query.span)[name]
    values = ((row.key, metric.compute(row)) for row in rows if getattr(row, metric.rank))
    return make_list(query.span, [(key, value) for key, value in values if value is not None])


FRAMES: Final[dict[str, _Compute]] = {
    **{name: _series(name) for name in SERIES},
    LIVE: lambda stats, query, now: stats.live_visitors(query.filters, now),
    **{name: _top(name) for name in TOPS},
    PROPERTIES: lambda stats, query, _: stats.properties(query.filters, query.span, query.page, query.property),
    HOURS: lambda stats, query, _: stats.weekday_hours(query.filters, query.span, query.zone),
}
NAMES: Final = (*FRAMES, GOALS, FUNNELS, *WITHOUT_CSV)
# What a figure is: a table that can be CSV, or not.
Figure = Frame | GoalFigures | FunnelFigures | Dashboard | SiteList | Totals


def extra_parameters(name: str) -> tuple[str, ...]:
    """Return the query parameters that a figure has in addition to the common ones."""
    return {
        PROPERTIES: parameters.PROPERTY,
        **dict.fromkeys(TOPS, parameters.METRIC),
        **dict.fromkeys((GOALS, TOTALS, *WITHOUT_CSV), parameters.COMPARE),
    }.get(name, ())


def read_figure_query(name: str, given: Mapping[str, str], now: int, goals: Sequence[Goal] = ()) -> StatsQuery:
    """Read the query parameters of one of `NAMES`, or of `TOTALS`; `now` is in microseconds. Raises InputError.

    `goals` are those that the filter `goal` may name.
    """
    query = read_query(given, now, extra_parameters(name), goals)
    if name in TOPS:
        check_metric(name, query.metric)
    return query


def compute(name: str, stats: Stats, query: StatsQuery, now: int, cache: FigureCache) -> Figure:
    """Return one of `NAMES`, or `TOTALS`; `now` is in microseconds."""
    match name:
        case "goals":
            return build_goal_figures(stats, query, cache=cache.spans)
        case "funnels":
            return build_funnel_figures(stats, query, cache.spans)
        case "sites":
            return build_site_list(stats, query)
        case "dashboard":
            return build_dashboard(stats, query, now, cache)
        case "totals":
            return build_totals(stats, query, now, cache)
    return FRAMES[name](stats, query, now)
