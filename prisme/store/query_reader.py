"""What the statistics need of whatever reads the tables, whichever engine has them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from prisme.runtime.cancellation import Cancellation
from prisme.store.arrivals import Describe
from prisme.store.imported_days import DomainDays

Engine = Literal["duckdb", "clickhouse"]
Row = tuple[Any, ...]


class QueryReader(Protocol):
    """Reads for one request, in one thread. It sees the first `loads` loads, and perhaps later ones.

    `deadline` is in seconds, for all queries together.
    """

    deadline: float
    loads: int

    @property
    def engine(self) -> Engine:
        """Which SQL `ask` takes."""

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of a query, whose parameters are named `$name`. Raises UnavailableError."""

    def check(self) -> None:
        """Raise LateError after the deadline: for loops in Python, between queries and while their rows are read."""

    def imported_days(self) -> list[DomainDays]:
        """The first and the last day of the figures of imports, by domain. Raises UnavailableError."""

    def update_arrivals(self, describe: Describe) -> None:
        """Have the sources and channels of all visits named for queries. Raises UnavailableError."""


class OpenReader(Protocol):
    """Makes the reader of a request, to be used in a `with` block, which may raise UnavailableError itself."""

    def __call__(
        self, deadline: float, began: float | None = None, cancellation: Cancellation | None = None
    ) -> AbstractContextManager[QueryReader]:
        """`deadline` is in seconds from `began` (monotonic), or from the block on; `cancellation` ends it before."""
