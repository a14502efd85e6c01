"""What keeps figures between requests, whichever engine counts them."""

from collections.abc import Sequence
from typing import Protocol

from prisme.stats.breakdown import ListQuery
from prisme.stats.cache.span_cache import SpanCache
from prisme.stats.frames import Result
from prisme.stats.list_metrics import Figures
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection


class RowCounts(Protocol):
    """Counts the rows of lists, or has them."""

    def count(
        self, stats: Stats, lists: Sequence[ListQuery], selection: Selection, now: int
    ) -> dict[str, list[Figures]]:
        """Return what `count_rows` returns; of the selection, the names do not matter. `now` is in microseconds."""


class FigureCache(Protocol):
    """The figures of selections; `rows` are those of lists, `spans` has what is counted of whole spans."""

    @property
    def rows(self) -> RowCounts: ...

    @property
    def spans(self) -> SpanCache: ...

    def count(self, stats: Stats, selections: Sequence[Selection], page: Page, now: int) -> list[Result | None]:
        """Return the figures of each selection, None for those that the caller has to count. `now` is in microseconds.

        Raises UnavailableError.
        """
