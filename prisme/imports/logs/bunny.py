"""The logs of the Bunny CDN: 12 fields with pipes between, without the method, and often with half an address."""

import re
from collections.abc import Callable
from typing import Final

from prisme.imports.logs import pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.heads import lines_of, most
from prisme.imports.logs.line import LogLine
from prisme.imports.reading import Reading

# Cache, status, milliseconds since the epoch, bytes, pull zone, address, referrer, URL, edge, User-Agent, id, country.
_LINE: Final = re.compile(
    r"[A-Z]*\|([0-9]{3})\|([0-9]{12,14})\|[0-9]*\|[0-9]*\|([^|]*)\|([^|]*)\|(https?://.*)\|[^|]*\|(.*)\|[^|]*\|[^|]*"
)


def recognise(head: bytes) -> bool:
    """Whether these are lines of Bunny."""
    return most(lines_of(head), lambda line: _LINE.fullmatch(line.decode("utf-8", "replace")))


def make(_head: bytes, _reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser for a file."""
    return _parse


def _parse(line: bytes) -> LogLine | str | None:
    """A pageview, or why the line is none, or None where it cannot be read."""
    found = _LINE.fullmatch(line.decode("utf-8", "replace"))
    if found is None:
        return None
    status, at, address, referrer, url, agent = ("" if value == "-" else value for value in found.groups())
    if why := pages.why_not("GET", int(status), url):
        return why
    return LogLine(int(at) * 1000, choose_address(address), "", "GET", url, int(status), referrer, agent)
