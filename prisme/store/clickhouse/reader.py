"""Queries of ClickHouse's tables for one request, with a deadline, as `store/reader.py` has those of DuckDB's."""

import contextlib
import datetime
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from prisme.runtime.cancellation import Cancellation
from prisme.store.arrivals import Describe
from prisme.store.clickhouse.client import Stream
from prisme.store.clickhouse.errors import ServerError
from prisme.store.clickhouse.readers import Readers
from prisme.store.errors import DiskError, FullError, LateError, LostError, StoppedError, StoreError, UnavailableError
from prisme.store.imported_days import DomainDays
from prisme.store.query_reader import Engine, Row

_PARAMETER: Final = re.compile(r"\$(\w+)")
# The types of parameters. A date may be any of the calendar that the server knows, and a day before 1970.
_TYPES: Final[Mapping[type, str]] = {
    bool: "Bool",
    int: "Int64",
    float: "Float64",
    str: "String",
    datetime.date: "Date32",
}
# SQL means the same as to DuckDB: visits are in their latest state; what is missing, as in an outer join, is NULL; a
# name is a column's before it is an alias. Filters have up to 500 terms each, which are too long for the defaults.
SETTINGS: Final[Mapping[str, str | int]] = {
    "final": 1,
    "group_by_use_nulls": 1,
    "join_use_nulls": 1,
    "cast_keep_nullable": 1,
    "prefer_column_name_to_alias": 1,
    "union_default_mode": "ALL",
    "joined_subquery_requires_alias": 0,
    "readonly": 2,
    "cancel_http_readonly_queries_on_client_close": 1,
    "max_query_size": 16 << 20,
    "max_ast_elements": 1_000_000,
    "max_expanded_ast_elements": 4_000_000,
}
# The server's codes: it took too long, or somebody ended it; no memory; no space, or a file that fails.
_LATE: Final = (159, 160, 394, 735)
_FULL: Final = (173, 241)
_DISK: Final = (74, 75, 76, 77, 243, 396, 479)
# It stops, is busy, or has lost another server; a query of ours that it does not understand is none of these.
_LOST: Final = (198, 202, 209, 210, 236, 242, 279, 285, 289, 425, 999)
_Result = TypeVar("_Result")
_KILL: Final = "KILL QUERY WHERE query_id = {id:String} ASYNC"


class ClickHouseReader:
    """Queries for the time of a `with` block. For one thread.

    Unlike with DuckDB, each query sees what is there when it begins: at least the first `loads` loads. `deadline` is in
    seconds and for all queries together, from `began` (monotonic), by default from the start of the block.
    `cancellation` ends them before.
    """

    engine: Engine = "clickhouse"

    def __init__(
        self,
        readers: Readers,
        deadline: float,
        began: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._readers = readers
        self.deadline = deadline
        self._ends_at = math.inf
        self._began = began
        self._cancellations = (cancellation or Cancellation(), readers.stopping)
        self._is_cancelled = False
        self._wake = threading.Event()
        self.loads = 0

    def __enter__(self) -> Self:
        self._ends_at = (time.monotonic() if self._began is None else self._began) + self.deadline
        for cancellation in self._cancellations:
            cancellation.attach(self.cancel)
        try:
            self.loads = self._readers.note_loads(self)
        except BaseException:
            self._detach()
            raise
        return self

    def ask(
        self, query: str, parameters: Mapping[str, Any], settings: Mapping[str, str | int] | None = None
    ) -> list[Row]:
        """The rows of a query, whose parameters are named `$name`. Raises UnavailableError.

        `settings` are others than `SETTINGS` say.
        """
        text = type_parameters(query, parameters)
        return self._run(lambda own: self._readers.client.query(text, parameters, own), settings or {})

    def ask_plainly(self, query: str, settings: Mapping[str, str | int]) -> list[Row]:
        """The rows of a query without parameters, whatever is in it. Raises UnavailableError."""
        return self._run(lambda own: self._readers.client.query(query, None, own), settings)

    def stream(
        self,
        query: str,
        form: str,
        take: Callable[[Stream], _Result],
        settings: Mapping[str, str | int] | None = None,
    ) -> _Result:
        """What `take`, in another thread, makes of the bytes of a query's rows in one of ClickHouse's formats.

        Raises UnavailableError, and what `take` raises, which must not be an OSError.
        """
        return self._run(lambda own: self._readers.client.stream(query, form, own, take), settings or {})

    def _run(self, work: Callable[[Mapping[str, str | int]], _Result], settings: Mapping[str, str | int]) -> _Result:
        """The result of one request, made with settings; it is ended at the deadline."""
        seconds = math.ceil(self._ends_at - time.monotonic()) + 1  # the server's own limit is only for lost requests
        identity = secrets.token_hex(16)
        own = {
            **SETTINGS,
            **settings,
            "database": self._readers.place.database,
            "max_execution_time": seconds,
            "query_id": identity,
        }
        return self._perform(lambda: work(own), lambda: self._end(identity))

    def imported_days(self) -> list[DomainDays]:
        """What `ImportedDays.find` returns. Raises UnavailableError."""
        return self._readers.imported_days.find(self)

    def update_arrivals(self, describe: Describe) -> None:
        """Nothing: visits were named when they were stored."""

    def check(self) -> None:
        """Raise LateError after the deadline: for loops in Python, between queries and while their rows are read."""
        if self._is_cancelled or time.monotonic() >= self._ends_at:
            raise self._late_error()

    def cancel(self) -> None:
        """End the query under way, if there is one, and reject all others. From any thread."""
        self._is_cancelled = True
        self._wake.set()

    def _perform(self, work: Callable[[], _Result], abandon: Callable[[], None]) -> _Result:
        """What a request returns; if that takes too long, `abandon` is called, and LateError raised."""
        self._wake.clear()
        self.check()
        request = _Request(work, self._wake)
        self._wake.wait(max(self._ends_at - time.monotonic(), 0))
        if not request.is_done:
            abandon()
            raise self._late_error()
        return self._take(request)

    def _take(self, request: "_Request[_Result]") -> _Result:
        try:
            return request.result()
        except ServerError as error:
            explained = self._explain(error)
            if explained is None:
                raise
            raise explained from error
        except StoreError as error:  # no host answers
            raise LostError(str(error)) from error

    def _explain(self, error: ServerError) -> UnavailableError | None:
        """Why a query has no result; None if it is the query that is wrong."""
        if error.code in _LATE:
            return self._late_error()
        if error.code in _FULL:
            return FullError(str(error))
        if error.code in _DISK:
            return DiskError(str(error))
        return LostError(str(error)) if error.code in _LOST else None

    def _late_error(self) -> LateError:
        return StoppedError() if self._readers.stopping.is_cancelled else LateError(self.deadline)

    def _end(self, identity: str) -> None:
        """Have the server end a query. It would notice soon that nobody waits for it, but not in all its steps."""

        def kill() -> None:
            with contextlib.suppress(StoreError):
                self._readers.client.execute(_KILL, {"id": identity})

        threading.Thread(target=kill, name="clickhouse-kill", daemon=True).start()

    def _detach(self) -> None:
        for cancellation in self._cancellations:
            cancellation.detach(self.cancel)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._detach()


class _Request(Generic[_Result]):
    """Work in a thread of its own: nothing interrupts one that waits for its answer. `wake` is set at its end."""

    def __init__(self, work: Callable[[], _Result], wake: threading.Event) -> None:
        self._work = work
        self._wake = wake
        self._results: list[_Result] = []
        self._error: Exception | None = None
        self.is_done = False
        threading.Thread(target=self._run, name="clickhouse", daemon=True).start()

    def result(self) -> _Result:
        """What the work returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except Exception as error:
            self._error = error
        self.is_done = True
        self._wake.set()


def type_parameters(query: str, parameters: Mapping[str, Any]) -> str:
    """A query with its parameters as ClickHouse has them, for those named `$name`. Raises TypeError."""
    return _PARAMETER.sub(lambda name: f"{{{name[1]}:{_find_type(parameters[name[1]])}}}", query)


def _find_type(value: Any) -> str:
    """The type of a parameter. Raises TypeError for a value that has none."""
    if isinstance(value, list | tuple):
        return f"Array({_find_type(value[0]) if value else 'String'})"
    found = _TYPES.get(type(value))
    if found is None:
        raise TypeError(f"{type(value).__name__} is no type of a parameter")
    return found
