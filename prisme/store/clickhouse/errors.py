"""What ClickHouse, and the way to it, say when something fails, as errors that tell an operator what to do."""

from typing import Final

from prisme.store.errors import StoreError
from prisme.store.sink import SinkDownError

_LONGEST: Final = 400
# The server's codes that do not depend on the rows, and what to do about them.
_ADVICE: Final = {
    60: "a table is missing: if it was dropped, drop the table migrations too, and restart Prisme, which makes both",
    81: "the database is missing: restart Prisme, which makes it, or make it yourself",
    159: "the server is too slow or busy",
    164: "the user may only read: docs/cluster.md lists the rights that it needs",
    192: "the user is unknown: check clickhouse_user_file",
    193: "the password is wrong: check clickhouse_password_file",
    194: "the server wants a password: set clickhouse_password_file",
    202: "the server has too many queries at once",
    209: "the server is too slow or busy",
    210: "the server does not reach another one of its cluster",
    241: "the server is out of memory: it is retried, but give it more if this lasts",
    242: "the table is read-only now: the server has lost ZooKeeper or Keeper",
    243: "the server's disk is full: free up disk space there",
    252: "the server has too many parts: it does not merge as fast as is inserted, so look at its disk and its load",
    285: "too few replicas are alive",
    319: "it is not known whether it was stored: it is sent again",
    341: "rows are not changed yet on all servers: see that all replicas run, and what system.mutations says there",
    497: "the user lacks a right: docs/cluster.md lists those that it needs",
    516: "user or password is wrong: check clickhouse_user_file and clickhouse_password_file",
    999: "the server has lost ZooKeeper or Keeper",
}
CREDENTIALS: Final = (192, 193, 194, 516)


class UnreachableError(SinkDownError):
    """No host accepted a connection, so nothing was sent."""


class UnansweredError(SinkDownError):
    """A request was sent, or a part of it, and there is no answer: it may have been carried out."""


class ServerError(StoreError):
    """The server refused a request. `code` is ClickHouse's, 0 if it gave none, `text` what the client says of it."""

    def __init__(self, host: str, code: int, text: str) -> None:
        self.code = code
        self.text = text
        advice = f" ({_ADVICE[code]})" if code in _ADVICE else ""
        super().__init__(f"ClickHouse at {host} refuses a request{advice}: {shorten(text)}")


class ServerDownError(ServerError, SinkDownError):
    """The server would refuse any other segment as well."""


def make_error(host: str, code: int, text: str) -> ServerError:
    """The error for what a server says."""
    return (ServerDownError if code in _ADVICE else ServerError)(host, code, text)


def shorten(text: str) -> str:
    """The first line of a text, if it is long its beginning."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
