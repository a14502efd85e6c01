"""Figures by their names, as the stats API serves them."""

from collections.abc import Callable
from typing import Final

from prisme.stats import parameters
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.columns import HOURS, LIVE, PROPERTIES, SERIES, TOPS
from prisme.stats.dashboard import Dashboard, build_dashboard
from prisme.stats.frames import Frame
from prisme.stats.funnels import FunnelFigures, build_funnel_figures
from prisme.stats.goals import GoalFigures, build_goal_figures
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.site_figures import SiteList, build_site_list

DASHBOARD: Final = "dashboard"
SITES: Final = "sites"
GOALS: Final = "goals"
FUNNELS: Final = "funnels"
# Those that are no table, and thus never CSV.
WITHOUT_CSV: Final = (SITES, DASHBOARD)
# Computes one figure; the last argument is the time now, in microseconds.
_Compute = Callable[[Stats, StatsQuery, int], Frame]


def _series(name: str) -> _Compute:
    return lambda stats, query, _: stats.series([name], query.filters, query.span)[name].frame


def _top(name: str) -> _Compute:
    return lambda stats, query, _: stats.tops([name], query.filters, query.span, query.page)[name]


FRAMES: Final[dict[str, _Compute]] = {
    **{name: _series(name) for name in SERIES},
    LIVE: lambda stats, query, now: stats.live_visitors(query.filters, now),
    **{name: _top(name) for name in TOPS},
    PROPERTIES: lambda stats, query, _: stats.properties(query.filters, query.span, query.page, query.property),
    HOURS: lambda stats, query, _: stats.weekday_hours(query.filters, query.span, query.zone),
}
NAMES: Final = (*FRAMES, GOALS, FUNNELS, *WITHOUT_CSV)
# What a figure is: a table that can be CSV, or not.
Figure = Frame | GoalFigures | FunnelFigures | Dashboard | SiteList


def extra_parameters(name: str) -> tuple[str, ...]:
    """Return the query parameters that a figure has in addition to the common ones."""
    compared = dict.fromkeys((GOALS, *WITHOUT_CSV), parameters.COMPARE)
    return {PROPERTIES: parameters.PROPERTY, **compared}.get(name, ())


def compute(name: str, stats: Stats, query: StatsQuery, now: int, cache: IncrementalCache) -> Figure:
    """Return one of `NAMES`; `now` is in microseconds."""
    match name:
        case "goals":
            return build_goal_figures(stats, query)
        case "funnels":
            return build_funnel_figures(stats, query)
        case "sites":
            return build_site_list(stats, query)
        case "dashboard":
            return build_dashboard(stats, query, now, cache)
    return FRAMES[name](stats, query, now)
