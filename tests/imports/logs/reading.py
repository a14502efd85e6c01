"""Readings for tests of logs."""

import datetime
from pathlib import Path

from prisme.imports.logs.line import LogLine
from prisme.imports.logs.parsers import find_format
from prisme.imports.reading import Reading
from prisme.imports.tally import Tally


def make_reading(site: str = "", zone: datetime.tzinfo | None = None) -> Reading:
    """A reading with a tally of its own."""
    return Reading(Tally(), Path("/nowhere"), site, zone)


def parse_text(text: bytes, zone: datetime.tzinfo | None = None) -> list[LogLine | str | None]:
    """What the lines of a file are."""
    found = find_format(text)
    assert found is not None
    parse = found.make(text, make_reading(zone=zone))
    return [parse(line) for line in text.splitlines()]


def parse_line(line: bytes, zone: datetime.tzinfo | None = None) -> LogLine:
    """The only line of a file, which is a pageview."""
    (parsed,) = parse_text(line, zone)
    assert isinstance(parsed, LogLine)
    return parsed
