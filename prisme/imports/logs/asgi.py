"""The logs of Python's application servers that are not of the combined format: Granian, Hypercorn and Uvicorn."""

import re
import urllib.parse
from collections.abc import Callable
from typing import Final

from prisme.base.errors import InputError
from prisme.imports.logs import combined, pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.combined_fields import Layout
from prisme.imports.logs.dialects import Dialect
from prisme.imports.logs.heads import lines_of, most
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.times import read_moment
from prisme.imports.reading import Reading

_DAY_AND_TIME: Final = rb"\[([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) ([+-][0-9]{4})\]"
_GRANIAN: Final = re.compile(_DAY_AND_TIME + rb' ([^ ]+) - "([^ ]+) (.*) HTTP/[0-9.]+" ([0-9]{3}) [0-9.]+')
_HYPERCORN: Final = re.compile(_DAY_AND_TIME + rb" \[[0-9]+\] \[INFO\] (?=[^ ]+ [^ ]+ .*\[)")
_UVICORN: Final = re.compile(rb'INFO: +[^ ]+:[0-9]+ - "[A-Z]+ .* HTTP/[0-9.]+" [0-9]{3}.*')
# These log the path decoded: what has a meaning in a URL was encoded.
_SAFE: Final = "/:@!$&'()*+,;=-._~"


def recognise_granian(head: bytes) -> bool:
    """Whether these are lines of Granian's access log."""
    return most(lines_of(head), _GRANIAN.fullmatch)


def recognise_hypercorn(head: bytes) -> bool:
    """Whether these are lines of Hypercorn's access log."""
    return most(lines_of(head), _HYPERCORN.match)


def recognise_uvicorn(head: bytes) -> bool:
    """Whether these are lines of Uvicorn's access log."""
    return most(lines_of(head), _UVICORN.fullmatch)


def make_granian(_head: bytes, _reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser, which is the same for all files."""
    return _parse_granian


def make_hypercorn(_head: bytes, _reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser: behind the prefix, lines are of the combined format."""
    parse = combined.Parser(Layout(Dialect.RAW, vhost=False, zoned=True, agents=True), None).parse

    def parse_line(line: bytes) -> LogLine | str | None:
        found = _HYPERCORN.match(line)
        result = parse(line[found.end() :]) if found else None
        if not isinstance(result, LogLine):
            return result
        return LogLine(
            result.at,
            result.address,
            "",
            result.method,
            _encode(result.target),
            result.status,
            result.referrer,
            result.user_agent,
        )

    return parse_line


def make_uvicorn(_head: bytes, _reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """Raises InputError: a log without times has no visits."""
    raise InputError("Uvicorn's access log has no times: import the log of the proxy in front of it")


def _parse_granian(line: bytes) -> LogLine | str | None:
    found = _GRANIAN.fullmatch(line)
    if found is None:
        return None
    text, offset, *others = found.groups()
    at = read_moment(text, offset)
    address, method, path, status = (other.decode(errors="replace") for other in others)
    if at is None:
        return None
    target = _encode(path)
    return pages.why_not(method, int(status), target) or LogLine(
        at, choose_address(address), "", method, target, int(status)
    )


def _encode(path: str) -> str:
    return urllib.parse.quote(path, safe=_SAFE)
