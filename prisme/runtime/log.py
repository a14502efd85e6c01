"""The application log: JSON lines in bunyan's format (github.com/trentm/node-bunyan, core fields v0), on stderr."""

import datetime
import logging
import os
import socket
import sys
from typing import Any

import msgspec

from prisme.runtime.log_stream import LogStream

# bunyan's levels are the standard library's plus 10: 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
_LEVEL_OFFSET = 10
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class BunyanFormatter(logging.Formatter):
    """One JSON object per record; each item of `extra` becomes a field."""

    def __init__(self) -> None:
        super().__init__()
        self._hostname = socket.gethostname()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "name": "prisme",
            "hostname": self._hostname,
            "pid": os.getpid(),
            "level": record.levelno + _LEVEL_OFFSET,
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "msg": record.getMessage(),
            "v": 0,
        }
        line.update((key, value) for key, value in vars(record).items() if key not in _OWN_FIELDS)
        if record.exc_info:
            line["err"] = {"stack": self.formatException(record.exc_info)}
        return msgspec.json.encode(line, enc_hook=str).decode()


class _Handler(logging.Handler):
    """Passes records to the stream. `logging` flushes it when the process exits."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.setFormatter(BunyanFormatter())
        self._stream = LogStream(path, self._tell)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._stream.write(self._encode(record))
        except Exception:
            self.handleError(record)
        if record.levelno >= logging.CRITICAL:
            self.flush()

    def flush(self) -> None:
        self._stream.flush()

    def _encode(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode()

    def _tell(self, dropped: int) -> bytes:
        text = "%d lines of this log were dropped, as its reader was too slow"
        return self._encode(logging.LogRecord("prisme", logging.WARNING, __file__, 0, text, (dropped,), None))


def open_log(debug: bool) -> logging.Logger:
    """The logger of the application, which writes to stderr only, and never waits for its reader."""
    log = logging.getLogger("prisme")
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    # Where standard error is closed, its descriptor may be that of any file.
    log.handlers = [logging.NullHandler() if sys.stderr is None else _Handler("/dev/stderr")]
    log.propagate = False
    # Its default handler would wait for the reader.
    logging.getLogger("asyncio").handlers = log.handlers
    return log
