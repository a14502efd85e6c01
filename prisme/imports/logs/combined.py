"""The combined log format and its relatives: a line is `ADDRESS IDENT USER [TIME] "REQUEST" STATUS BYTES`.

`"REFERER" "USER-AGENT"` and other fields may follow, a virtual host may precede. What differs by server is found by
looking at the first lines of a file.
"""

import re
from collections.abc import Callable
from typing import Final

from prisme.base.memo import Memo
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
        # Most of a log is the same requests, of few clients at a time. With the parser, both are forgotten.
        self._requests = Memo(_read_request, 8192, 512)
        self._whos = Memo(self._read_who, 8192, 256)
        self._escape = b"#" if layout.dialect is Dialect.HASH else b"\\"
        # Where quotes are not escaped, their number says nothing.
        self._plain_parts = frozenset({3}) if layout.dialect in (Dialect.RAW, Dialect.HASH) else _PLAIN_PARTS

    def parse(self, line: bytes) -> LogLine | str | None:
        """A pageview, or why the line is none, or None where it cannot be read.

        Most lines are plain, and of assets: no regular expression is tried on these.
        """
        parts = line.split(b'"')
        if self._escape in line or len(parts) not in self._plain_parts or not line.isascii():
            return self._parse_any(line)
        before, request, numbers = parts[:3]
        status = _STATUSES.get(numbers[:5])
        target, why = self._requests[request]
        if status is None or not target or not before.endswith(b"] "):
            return self._parse_any(line)
        if why := (why == pages.METHOD and why) or pages.why_no_status(status) or why:
            return why
        at = read_clf(before[-28:-2])
        if at is None or before[-29:-28] != b"[" or parts[-1][:1] not in b" ":
            return self._parse_any(line)
        if len(parts) == 3:
            return self._finish(at, before[:-29], target, status)
        if parts[4] != b" " or (len(parts) == 9 and parts[6] != b" "):
            return self._parse_any(line)
        who = before[:-29] if len(parts) == 7 else before[:-29] + b"\n" + parts[7]
        return self._finish(
            at, who, target, status, parts[3].decode(errors="replace"), parts[5].decode(errors="replace")
        )

    def _parse_any(self, line: bytes) -> LogLine | str | None:
        found = find_time(line)
        if found is None:
            return None
        dialect = self._layout.dialect or sniff(line[found.end() :]) or Dialect.FULL
        fields = cut_fields(line, found.end(), dialect)
        if fields is None:
            return None
        return self._parse_fields(line, found, fields, dialect)

    def _parse_fields(
        self, line: bytes, time: re.Match[bytes], fields: Fields, dialect: Dialect
    ) -> LogLine | str | None:
        method, _, target = unescape(fields.request, dialect).partition(" ")
        if not _METHOD.fullmatch(method):
            return pages.NO_REQUEST
        rest, _, version = target.rpartition(" ")
        if rest and _VERSION.fullmatch(version):
            target = rest
        status = int(fields.status) if fields.status.isdigit() else 0
        if why := pages.why_not(method, status, target):
            return why
        at = self._read_time(time)
        if at is None:
            return None
        before = line[: time.start()]
        referrer, agent = (unescape(value or b"", dialect) for value in (fields.referrer, fields.user_agent))
        forwarded = _FORWARDED.match(fields.rest)
        who = before + b"\n" + forwarded[1] if forwarded else before
        return self._finish(at, who, target, status, referrer, agent)

    def _read_time(self, found: re.Match[bytes]) -> int | None:
        reading, zone = found.groups()
        if zone is not None:
            return read_clf(reading + zone)
        local = read_local(reading)
        return None if local is None or self._clock is None else self._clock.convert(local)

    def _finish(self, at: int, who: bytes, target: str, status: int, referrer: str = "", agent: str = "") -> LogLine:
        host, address = self._whos[who]
        return LogLine(
            at,
            address,
            host,
            "GET",
            target,
            status,
            "" if referrer == "-" else referrer,
            "" if agent == "-" else agent,
        )

    def _read_who(self, who: bytes) -> tuple[str, str]:
        """The host and the client's address, from what stands before the time; a second line is X-Forwarded-For."""
        before, _, forwarded = who.partition(b"\n")
        words = cut_syslog(before.lstrip(b"\0")).split(b" ")
        host = b""
        if self._layout.vhost and len(words) > 1:
            host = _PORT.sub(b"", words.pop(0))
        while len(words) > 1 and words[0].endswith(b","):  # a list of addresses: the proxy wrote the last one
            words.pop(0)
        if len(words) > 1 and (b"." in words[1] or b":" in words[1]):  # lighttpd has the host in place of the identity
            host = words[1]
        peer = words[0].decode(errors="replace")
        address = choose_address(peer, forwarded.decode(errors="replace"))
        return "" if host == b"-" else host.decode(errors="replace"), address


def _read_request(request: bytes) -> tuple[str, str | None]:
    """The target of a plain request, and why it is of no page; no target where it is not plain."""
    method, _, rest = request.decode(errors="replace").partition(" ")
    target, _, version = rest.rpartition(" ")
    if not version.startswith("HTTP/") or not _METHOD.fullmatch(method):
        return "", None
    return target, pages.why_not(method, 200, target)
