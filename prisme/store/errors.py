"""The errors of the stores. Commands that need no DuckDB import this file, so it must not import DuckDB either."""

WAY_BACK = (
    "If it is damaged, move it and its .wal away, put a copy in its place if you have one, and start again: "
    "pending journal segments stay on disk and will be loaded"
)


class StoreError(Exception):
    """A database file cannot be used; the message says why and what to do."""


class LateError(Exception):
    """A query missed its deadline of `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the answer took over {seconds:g} s: ask for less time, or with fewer filters")


class StoppedError(LateError):
    """The server stops, and waits for no query."""

    def __init__(self) -> None:
        Exception.__init__(self, "the server is stopping")


class LostError(Exception):
    """The database fails until the writer reopens it (`Database.reopen`)."""


class FullError(Exception):
    """A table in memory does not fit in DuckDB's memory limit."""
