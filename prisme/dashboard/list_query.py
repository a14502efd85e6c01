"""Reads the lists of a page from the stats: a few rows for each panel, or a whole list."""

from typing import Final

from prisme.dashboard.list_types import ERRORS, LIST_TYPES, PROPERTIES, stats_name
from prisme.dashboard.lists import ERROR_STATUSES, ROWS, List, build_list, frame_rows
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters
from prisme.stats.dashboard import Dashboard
from prisme.stats.frames import Frame
from prisme.stats.parameters import StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page

# Units whose total is known, so that each row has its share of it.
_WITH_SHARES: Final = ("sessions", "pageviews")


def read_panel_list(stats: Stats, state: UrlState, query: StatsQuery, name: str, dashboard: Dashboard) -> List:
    """A list of a panel. Reads only what `dashboard` does not have."""
    if name in (ERRORS, PROPERTIES):
        frame = _read_frame(stats, state, query, name, Page(ROWS))
    else:
        frame = dashboard.tops[stats_name(name)]
    unit = LIST_TYPES[name].unit.lower()
    total = dashboard.totals[unit] if unit in _WITH_SHARES else 0
    return build_list(state, name, frame_rows(frame), total)


def read_whole_list(stats: Stats, state: UrlState, query: StatsQuery, name: str) -> List:
    """All of a list, at most `query.page.limit` rows."""
    frame = _read_frame(stats, state, query, name, query.page)
    unit = LIST_TYPES[name].unit.lower()
    total = stats.series([unit], query.filters, query.span)[unit].total if unit in _WITH_SHARES else 0
    stats.reader.check()
    return build_list(state, name, frame_rows(frame), total, query.page.limit)


def _read_frame(stats: Stats, state: UrlState, query: StatsQuery, name: str, page: Page) -> Frame:
    if name == PROPERTIES:
        return stats.properties(query.filters, query.span, page, state.get("property"))
    chosen = query.filters
    if name == ERRORS:
        chosen = chosen | filters.read({"status": ERROR_STATUSES})
    return stats.tops([stats_name(name)], chosen, query.span, page)[stats_name(name)]
