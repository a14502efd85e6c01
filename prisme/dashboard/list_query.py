"""Reads the lists of a page from the stats: a few rows for each panel, with those of the compared span."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from prisme.dashboard.list_types import ERRORS, PROPERTIES, list_metric, stats_name
from prisme.dashboard.lists import ERROR_STATUSES, ROWS, ListData, frame_rows
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters
from prisme.stats.breakdown import ListQuery, query_list
from prisme.stats.cache.figure_cache import RowCounts
from prisme.stats.dashboard import Dashboard
from prisme.stats.filters import Filters
from prisme.stats.list_metrics import EVENTS, Figures
from prisme.stats.parameters import MOST_ROWS, StatsQuery
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection, Span

# Metrics whose total is known, so that each row has its share of it.
_WITH_SHARES: Final = ("visitors", "sessions", "pageviews")
COUNTRIES: Final = "top-countries"
# The map shows all countries, of which there are some 250.
_MANY: Final = {COUNTRIES: 300}


class Source(msgspec.Struct, frozen=True):
    """What the lists of a page are read from; `now` is in microseconds."""

    stats: Stats
    cache: RowCounts
    query: StatsQuery
    now: int

    def count(self, lists: Sequence[ListQuery], chosen: Filters, span: Span) -> dict[str, list[Figures]]:
        """The rows of lists in a span."""
        return self.cache.count(self.stats, lists, Selection((), chosen, span, self.query.zone), self.now)


def read_lists(source: Source, state: UrlState, names: Collection[str], dashboard: Dashboard) -> dict[str, ListData]:
    """The figures of lists of `LIST_TYPES` by their names. Those of the same filters are counted together."""
    chosen = source.query.filters
    read = {name: _read_properties(source, state) for name in names if name == PROPERTIES}
    usual = [name for name in names if name not in (ERRORS, PROPERTIES)]
    read |= _read_data(source, state, usual, chosen, dashboard)
    if ERRORS in names:
        read |= _read_data(source, state, [ERRORS], error_filters(chosen), dashboard)
    source.stats.reader.check()
    return read


def error_filters(chosen: Filters) -> Filters:
    """Filters with that of the errors list."""
    return chosen | filters.read({"status": ERROR_STATUSES})


def _read_data(
    source: Source, state: UrlState, names: Sequence[str], chosen: Filters, dashboard: Dashboard
) -> dict[str, ListData]:
    metrics = {name: list_metric(state, name) for name in names}
    lists = {name: query_list(stats_name(name), metrics[name], Page(_MANY.get(name, ROWS))) for name in names}
    rows = source.count(list(lists.values()), chosen, source.query.span)
    earlier = {name: _ask_again(one, rows[one.name]) for name, one in lists.items()}
    compared = source.query.compared
    before = None if compared is None else source.count(list(earlier.values()), chosen, compared)
    return {
        name: ListData(
            metric,
            rows[stats_name(name)],
            dashboard.totals[metric] if metric in _WITH_SHARES else 0,
            None if before is None else before[stats_name(name)],
            before is not None and len(before[stats_name(name)]) == MOST_ROWS,
        )
        for name, metric in metrics.items()
    }


def _ask_again(one: ListQuery, rows: Sequence[Figures]) -> ListQuery:
    """The query of the same rows."""
    keys = tuple(row.key for row in rows)
    return msgspec.structs.replace(one, page=Page(MOST_ROWS), keys=keys)


def _read_properties(source: Source, state: UrlState) -> ListData:
    stats, query = source.stats, source.query
    before = None if query.compared is None else read_properties(stats, state, query, query.compared, MOST_ROWS)
    rows = read_properties(stats, state, query, query.span, ROWS)
    return ListData(EVENTS, rows, 0, before, before is not None and len(before) == MOST_ROWS)


def read_properties(stats: Stats, state: UrlState, query: StatsQuery, span: Span, limit: int) -> list[Figures]:
    """The properties of events, or the values of the chosen one, in a span."""
    frame = stats.properties(query.filters, span, Page(limit), state.get("property"))
    return [Figures(str(key), actions=int(count)) for key, count in frame_rows(frame)]
