"""The cache of an engine that has no tables in memory: it keeps the rows of lists and what is counted of whole spans.

They hold until anything is loaded. A dashboard's page is counted for each request.
"""

from collections.abc import Sequence

from prisme.stats.breakdown import ListQuery, count_rows
from prisme.stats.cache.span_cache import SpanCache
from prisme.stats.frames import Result
from prisme.stats.list_metrics import Figures
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection
from prisme.store.load_log import LoadLog


class WholeRows:
    """The rows of lists of whole spans, kept in `spans`. For any threads."""

    def __init__(self, spans: SpanCache) -> None:
        self._spans = spans

    def count(
        self,
        stats: Stats,
        lists: Sequence[ListQuery],
        selection: Selection,
        now: int,  # noqa: ARG002  # a parameter of `RowCounts`
    ) -> dict[str, list[Figures]]:
        """Return what `count_rows` returns; of the selection, the names do not matter. `now` is in microseconds."""
        filters, span = selection.filters, selection.span
        # What imports brought depends on the days of the zone.
        what = "rows", tuple(lists), span.zone
        found = self._spans.find(stats, what, filters, span, lambda: count_rows(stats, lists, filters, span))
        return {name: [*rows] for name, rows in found.items()}


class WholeSpans:
    """What `FigureCache` asks for, with figures counted once for each load. For any threads."""

    def __init__(self, loads: LoadLog) -> None:
        self.spans = SpanCache(loads)
        self.rows = WholeRows(self.spans)

    def count(
        self,
        stats: Stats,  # noqa: ARG002  # these three are parameters of `FigureCache`
        selections: Sequence[Selection],
        page: Page,  # noqa: ARG002
        now: int,  # noqa: ARG002
    ) -> list[Result | None]:
        """Return None for each selection: the caller has to count it."""
        return [None for _ in selections]
