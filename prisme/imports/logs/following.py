"""Reads a log as it grows."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from prisme.base.errors import InputError
from prisme.imports.items import Request
from prisme.imports.logs.access_log import NO_HOST, Log, look, make_request, parse_line
from prisme.imports.logs.follow import follow
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.merge import reorder
from prisme.imports.reading import Reading

# What came is stored this often, also of visits that go on.
_EVERY: Final = 5.0  # seconds


def follow_log(files: Sequence[Path], reading: Reading, stop: Callable[[], bool]) -> Iterator[Request | None]:
    """The pageviews of a log, in the order of time, and None every few seconds. Raises InputError.

    As in other logs, a line waits for those that are late, until the log is two minutes further, or it ends.
    """
    if len(files) != 1:
        raise InputError("--follow reads one log: import the others before")
    log = look(files[0], reading)
    if log is None:
        raise InputError(f"{files[0]} is empty: its format shows with its first lines")

    for line in reorder(_read(log, reading, stop)):
        if line is None:
            yield None
        elif (request := make_request(line, reading.site, log.agents)) is None:
            reading.tally.skip(NO_HOST)
        else:
            yield request


def _read(log: Log, reading: Reading, stop: Callable[[], bool]) -> Iterator[LogLine | None]:
    stored, number = time.monotonic(), 0
    for line in follow(log.path, True, stop):
        if line is not None:
            number += 1
            if line and (found := parse_line(log, line, number, reading.tally)) is not None:
                yield found
        elif time.monotonic() >= stored + _EVERY:
            stored = time.monotonic()
            yield None
