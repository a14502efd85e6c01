"""The combined log format and its relatives: a line is `ADDRESS IDENT USER [TIME] "REQUEST" STATUS BYTES`.

`"REFERER" "USER-AGENT"` and other fields may follow, a virtual host may precede. What differs by server is found by
looking at the first lines of a file.
"""

import re
from collections.abc import Callable
from typing import Final

from prisme.imports.logs import pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.combined_fields import Fields, Layout, cut_fields, find_layout, find_time
from prisme.imports.logs.dialects import Dialect, sniff, unescape
from prisme.imports.logs.heads import cut_syslog, lines_of, most
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.times import LocalClock, read_clf, read_local
from prisme.imports.logs.zones import need_zone
from prisme.imports.reading import Reading

_METHOD: Final = re.compile(r"[A-Z_-]{2,32}")
_VERSION: Final = re.compile(r"(?:HTTP/)?[0-9](?:\.[0-9])?")
_PORT: Final = re.compile(rb":[0-9]*$")
_FORWARDED: Final = re.compile(rb' "([^"]*)"')
_STATUSES: Final = {b" %d " % status: status for status in range(100, 1000)}
# The parts between quotes: of common, of combined, and of one more field.
_PLAIN_PARTS: Final = frozenset({3, 7, 9})


def recognise(head: bytes) -> bool:
    """Whether these are lines of the combined format or of a relative."""
    return most(lines_of(head), _is_line)


def has_agents(head: bytes) -> bool:
    """Whether lines have a field for the User-Agent."""
    return find_layout(head).agents


def make(head: bytes, reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser for a file with these first bytes. Raises InputError where a time zone is missing."""
    layout = find_layout(head)
    clock = None if layout.zoned else LocalClock(need_zone(reading))
    return Parser(layout, clock).parse


def _is_line(line: bytes) -> bool:
    found = find_time(line)
    return found is not None and cut_fields(line, found.end(), Dialect.RAW) is not None


class Parser:
    """Parses the lines of one file."""

    def __init__(self, layout: Layout, clock: LocalClock | None) -> None:
        self._layout = layout
        self._clock = clock
        self._escape = b"#" if layout.dialect is Dialect.HASH else b"\\"
        # Where quotes are not escaped, their number says nothing.
        self._plain_parts = frozenset({3}) if layout.dialect in (Dialect.RAW, Dialect.HASH) else _PLAIN_PARTS

    def parse(self, line: bytes) -> LogLine | str | None:
        """A pageview, or why the line is none, or None where it cannot be read.

        Most lines are of assets, and are plain: no regular expression is tried on these.
        """
        parts = line.split(b'"')
        if self._escape in line or len(parts) not in self._plain_parts or not parts[0].endswith(b"] "):
            return self._parse_any(line)
        numbers = parts[2]
        status = _STATUSES.get(numbers[:5])
        method, _, rest = parts[1].decode(errors="replace").partition(" ")
        target, _, version = rest.rpartition(" ")
        if status is None or not version.startswith("HTTP/") or not _METHOD.fullmatch(method):
            return self._parse_any(line)
        if why := pages.why_not(method, status, target):
            return why
        before = parts[0]
        at = read_clf(before[-28:-2])
        if at is None or before[-29:-28] != b"[" or parts[-1][:1] not in b" ":
            return self._parse_any(line)
        if len(parts) == 3:
            return self._finish(at, before[:-29], target, status, "", "")
        if parts[4] != b" " or (len(parts) == 9 and parts[6] != b" "):
            return self._parse_any(line)
        referrer, agent = parts[3].decode(errors="replace"), parts[5].decode(errors="replace")
        forwarded = parts[7] if len(parts) == 9 else b""
        return self._finish(at, before[:-29], target, status, referrer, agent, forwarded)

    def _parse_any(self, line: bytes) -> LogLine | str | None:
        line = cut_syslog(line.lstrip(b"\0"))
        found = find_time(line)
        if found is None:
            return None
        dialect = self._layout.dialect or sniff(line[found.end() :]) or Dialect.FULL
        fields = cut_fields(line, found.end(), dialect)
        if fields is None:
            return None
        at = self._read_time(found)
        return None if at is None else self._parse_fields(at, line[: found.start()], fields, dialect)

    def _parse_fields(self, at: int, before: bytes, fields: Fields, dialect: Dialect) -> LogLine | str:
        method, _, target = unescape(fields.request, dialect).partition(" ")
        if not _METHOD.fullmatch(method):
            return pages.NO_REQUEST
        rest, _, version = target.rpartition(" ")
        if rest and _VERSION.fullmatch(version):
            target = rest
        status = int(fields.status) if fields.status.isdigit() else 0
        if why := pages.why_not(method, status, target):
            return why
        referrer, agent = (unescape(value or b"", dialect) for value in (fields.referrer, fields.user_agent))
        forwarded = _FORWARDED.match(fields.rest)
        return self._finish(at, before, target, status, referrer, agent, forwarded[1] if forwarded else b"")

    def _read_time(self, found: re.Match[bytes]) -> int | None:
        reading, zone = found.groups()
        if zone is not None:
            return read_clf(reading + zone)
        local = read_local(reading)
        return None if local is None or self._clock is None else self._clock.convert(local)

    def _finish(
        self, at: int, before: bytes, target: str, status: int, referrer: str, agent: str, forwarded: bytes = b""
    ) -> LogLine:
        words = before.split(b" ")
        host = b""
        if self._layout.vhost and len(words) > 1:
            host = _PORT.sub(b"", words.pop(0))
        while len(words) > 1 and words[0].endswith(b","):  # a list of addresses: the proxy wrote the last one
            words.pop(0)
        if len(words) > 1 and (b"." in words[1] or b":" in words[1]):  # lighttpd has the host in place of the identity
            host = words[1]
        return LogLine(
            at,
            choose_address(words[0].decode(errors="replace"), forwarded.decode(errors="replace")),
            "" if host == b"-" else host.decode(errors="replace"),
            "GET",
            target,
            status,
            "" if referrer == "-" else referrer,
            "" if agent == "-" else agent,
        )
