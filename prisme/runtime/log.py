"""The application log: JSON lines in bunyan's format (github.com/trentm/node-bunyan, core fields v0), on stderr."""

import datetime
import logging
import os
import socket
import sys
from typing import Any

import msgspec

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


def open_log(debug: bool) -> logging.Logger:
    """The logger of the application, which writes to stderr only."""
    log = logging.getLogger("prisme")
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(BunyanFormatter())
    log.handlers = [handler]
    log.propagate = False
    return log
