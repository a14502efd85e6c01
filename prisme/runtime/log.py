"""The application log on stderr: lines for people, or JSON in bunyan's format (github.com/trentm/node-bunyan, v0)."""

import datetime
import logging
import os
import socket
import sys
import traceback
from typing import Any, Final, Literal

import msgspec

from prisme.runtime.log_stream import LogStream
from prisme.runtime.logfile import STREAMS
from prisme.runtime.terminal import Color, Painter, choose_painter, escape, is_terminal

LogFormat = Literal["auto", "text", "json"]

# bunyan's levels are the standard library's plus 10: 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
_LEVEL_OFFSET = 10
STDERR: Final = "/dev/stderr"
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
        line.update(_extra(record))
        if record.exc_info:
            line["err"] = {"stack": self.formatException(record.exc_info)}
        return msgspec.json.encode(line, enc_hook=str).decode()


class TextFormatter(logging.Formatter):
    """One line per record, with the local time. Items of `extra` follow the message, an exception in one line.

    A record whose `verbatim` is true is written as it is: what it says is ours alone.
    """

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self._painter = painter

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, "verbatim", False):
            return record.getMessage()
        more = ", ".join(f"{key}: {value}" for key, value in _extra(record))
        text = escape(f"{record.getMessage()} ({more})" if more else record.getMessage())
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {_describe(record.exc_info[1])}"
        for level, word, color in _WORDS:
            if record.levelno >= level:
                text = f"{self._painter.paint(word, color)} {text}"
                break
        time = datetime.datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        return f"{self._painter.paint(time, 'dim')} {text}"


def _extra(record: logging.LogRecord) -> list[tuple[str, Any]]:
    """The items of `extra`."""
    return [(key, value) for key, value in vars(record).items() if key not in _OWN_FIELDS]


_WORDS: Final[tuple[tuple[int, str, Color], ...]] = (
    (logging.ERROR, "error:", "red"),
    (logging.WARNING, "warning:", "yellow"),
)


def _describe(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({frame.filename}, line {frame.lineno})" for frame in last)
    return escape(f"{type(error).__name__}: {error}{place}")


class _Handler(logging.Handler):
    """Passes records to the stream. `logging` flushes it when the process exits."""

    def __init__(self, path: str, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
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


def is_text(log_format: LogFormat, path: str) -> bool:
    """Whether lines for people are written to a standard stream or a file: on terminals, unless the format says so."""
    stream = STREAMS.get(path)
    return log_format == "text" or (log_format == "auto" and stream is not None and is_terminal(stream))


def set_level(log: logging.Logger, debug: bool) -> None:
    """Have debug messages logged, or not."""
    log.setLevel(logging.DEBUG if debug else logging.INFO)


def open_log(debug: bool, log_format: LogFormat = "json") -> logging.Logger:
    """The logger of the application, which writes to stderr only, and never waits for its reader."""
    log = logging.getLogger("prisme")
    set_level(log, debug)
    # Where standard error is closed, its descriptor may be that of any file.
    text = is_text(log_format, STDERR)
    formatter = TextFormatter(choose_painter(2, os.environ)) if text else BunyanFormatter()
    log.handlers = [logging.NullHandler() if sys.stderr is None else _Handler(STDERR, formatter)]
    log.propagate = False
    # Its default handler would wait for the reader.
    logging.getLogger("asyncio").handlers = log.handlers
    return log
