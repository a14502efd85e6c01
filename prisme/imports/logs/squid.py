"""Squid's native log: Unix seconds of the end, milliseconds, address, result/status, bytes, method, URL, content type.

It has neither the User-Agent nor the referrer, and squid cuts the query to `?`.
"""

import re
from collections.abc import Callable
from typing import Final

from prisme.imports.logs import pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.heads import lines_of, most
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.times import SECOND
from prisme.imports.reading import Reading

_LINE: Final = re.compile(
    rb" *([0-9]{1,11})\.([0-9]{3}) +-?[0-9]+ ([^ ]+) [A-Z_]+/([0-9]{3}) [0-9]+ ([^ ]+) (.*) [^ ]+ [A-Z_]+/[^ ]+ ([^ ]+)"
)


def recognise(head: bytes) -> bool:
    """Whether these are lines of squid's native format."""
    return most(lines_of(head), _LINE.fullmatch)


def make(_head: bytes, _reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser, which is the same for all files."""
    return _parse


def _parse(line: bytes) -> LogLine | str | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    seconds, milliseconds, address, status, method, target, media = (
        group.decode(errors="replace") for group in found.groups()
    )
    content_type = "" if media == "-" else media
    if why := pages.why_not(method, int(status), target, content_type):
        return why
    return LogLine(
        int(seconds) * SECOND + int(milliseconds) * 1000,
        choose_address(address),
        "",
        method,
        target.removesuffix("?"),
        int(status),
        content_type=content_type,
    )
