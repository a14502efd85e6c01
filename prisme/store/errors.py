"""The errors of the stores. Commands that need no DuckDB import this file, so it must not import DuckDB either."""

from pathlib import Path

from prisme.base.errors import InputError

WAY_BACK = (
    "If it is damaged, restore a backup with `prisme restore`, or move it and its .wal away, and start again: "
    "pending journal segments stay on disk and will be loaded"
)


class StoreError(Exception):
    """A database file cannot be used; the message says why and what to do."""


class FullDiskError(StoreError):
    """A change finds no room on the disk, and was rolled back."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} cannot be changed, as the disk is full: free up disk space, and try again")


class UnavailableError(Exception):
    """A query has no result now; the subclass says why."""


class LateError(UnavailableError):
    """A query missed its deadline of `seconds`, which the option `api_stats_timeout` sets."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the answer took over {seconds:g} s: ask for less time, try again, or raise api_stats_timeout"
        )


class StoppedError(LateError):
    """The server stops, and waits for no query."""

    def __init__(self) -> None:
        Exception.__init__(self, "the server is stopping")


class LostError(UnavailableError):
    """DuckDB fails until the writer reopens its file (`Database.reopen`), or no host of ClickHouse's answers."""


class FullError(UnavailableError):
    """A query, or a table in memory, needs more than the engine's memory limit; the message is the engine's."""


class DiskError(UnavailableError):
    """A file cannot be read or written, or there is no space for what a query spills; the message is the engine's."""


class SqlError(InputError):
    """A user's SQL has no result, whatever the load: the message says why, and what to do."""


class RefusedSqlError(SqlError):
    """It is not allowed, or too large."""


class LateSqlError(LateError):
    """A user's SQL missed its deadline of `seconds`."""

    def __init__(self, seconds: float) -> None:
        Exception.__init__(self, f"the query took over {seconds:g} s: read fewer rows, or allow it more time")


class BusySqlError(UnavailableError):
    """Another user's SQL ran until the deadline."""

    def __init__(self) -> None:
        super().__init__("another query is running: try again")
