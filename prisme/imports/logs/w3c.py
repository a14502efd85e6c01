"""The extended log format of the W3C, in which a file names its fields: of IIS, CloudFront, and others.

Times are in UTC, unless the names of their fields say that they are local. IIS writes `+` for blanks; CloudFront has
tabs between fields, and percent-encodes values, of which some were encoded already.
"""

import re
import urllib.parse
from collections.abc import Callable
from operator import itemgetter
from typing import Final

from prisme.base.memo import Memo
from prisme.imports.logs import pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.heads import lines_of
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.times import SECOND, LocalClock, read_moment
from prisme.imports.logs.zones import need_zone
from prisme.imports.reading import Reading

COMMENT: Final = "a comment"
_FIELDS: Final = b"#Fields:"
_DATE: Final = re.compile(rb"#(?:Start-)?Date:\s*([0-9]{4}-[0-9]{2}-[0-9]{2})")
_DAY: Final = 86_400 * SECOND
# The parts of a line where values are quoted, as the format says and IIS does not do; `""` is a quote within.
_PART: Final = re.compile(r'"(?:[^"]|"")*"|\S+')
_ENCODED_TWICE: Final = re.compile(r"%25(?=[0-9A-Fa-f]{2})")
# In this order of preference. The `cs(Host)` of CloudFront is not of the site, but of its distribution.
_NAMES: Final = {
    "date": "date date-utc date-local",
    "time": "time time-utc time-local",
    "address": "c-ip cs-ip",
    "forwarded": "x-forwarded-for cs(x-forwarded-for) cs-x-forwarded-for",
    "host": "x-host-header cs-host cs(host) s-host",
    "method": "cs-method",
    "target": "cs-uri",
    "stem": "cs-uri-stem",
    "query": "cs-uri-query",
    "status": "sc-status",
    "referrer": "cs(referer) cs(referrer) cs-referer",
    "agent": "cs(user-agent) cs-user-agent",
    "type": "sc-content-type sc(content-type) rs(content-type)",
}
_ALIASES: Final = {field: names.split() for field, names in _NAMES.items()}


class Columns:
    """Where the fields are in a line; `count` is how many it has."""

    def __init__(self, line: bytes) -> None:
        names = [name.lower() for name in line.removeprefix(_FIELDS).decode("utf-8", "replace").split()]
        self.count = len(names)
        self.local = "time-local" in names and "time" not in names
        known = {
            field: names.index(found)
            for field, aliases in _ALIASES.items()
            if (found := next((name for name in aliases if name in names), None))
        }
        self.agents = "agent" in known
        self.complete = known.keys() >= {"time", "method", "status"} and bool(known.keys() & {"target", "stem"})
        self._pick = itemgetter(*(known.get(field, self.count) for field in _ALIASES))

    def pick(self, values: list[str]) -> list[str]:
        """The values of all fields, in the order of `_NAMES`, of a line with as many as `count`; empty for `-`."""
        values.append("")
        return ["" if value == "-" else value for value in self._pick(values)]


def recognise(head: bytes) -> bool:
    """Whether a line names the fields of a pageview."""
    return any(columns.complete for columns in _find_columns(head))


def has_agents(head: bytes) -> bool:
    """Whether one of the fields is the User-Agent."""
    return any(columns.agents for columns in _find_columns(head))


def make(head: bytes, reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser for a file with these first bytes. Raises InputError where a time zone is missing."""
    columns = _find_columns(head)
    clock = LocalClock(need_zone(reading)) if any(found.local for found in columns) else None
    return W3CParser(columns[-1] if columns else Columns(b""), clock).parse


def _find_columns(head: bytes) -> list[Columns]:
    return [Columns(line) for line in lines_of(head) if line.startswith(_FIELDS)]


class W3CParser:
    """Parses the lines of one file. Its fields can change: IIS names them again whenever it starts."""

    def __init__(self, columns: Columns, clock: LocalClock | None) -> None:
        self._columns = columns
        self._clock = clock
        self._date = ""
        self._latest = 0
        self._moments = Memo(_read_time, 4096, 32)

    def parse(self, line: bytes) -> LogLine | str | None:
        """A pageview, or why the line is none, or None where it cannot be read."""
        if line.startswith(b"#"):
            return self._parse_directive(line)
        text = line.decode("utf-8", "replace")
        tabs = "\t" in text
        values = text.split("\t") if tabs else text.split(" ")
        columns = self._columns
        if len(values) != columns.count:
            values = [_unquote(value) for value in _PART.findall(text)]
        if len(values) != columns.count or not columns.complete:
            return None
        return self._parse_values(values, tabs)

    def _parse_directive(self, line: bytes) -> str:
        if line.startswith(_FIELDS):
            self._columns = Columns(line)
        elif found := _DATE.match(line):
            self._date, self._latest = found[1].decode(), 0
        return COMMENT

    def _parse_values(self, values: list[str], encoded: bool) -> LogLine | str | None:
        fields = self._columns.pick(values)
        date, time, address, forwarded, host, method, target, stem, query, status, referrer, agent, kind = fields
        target = stem or target
        if query:
            target = f"{target}?{query}"
        if encoded:
            if "%25" in target:
                target = _ENCODED_TWICE.sub("%", target)
            kind = _decoded[kind]
        number = int(status) if status.isascii() and status.isdigit() else 0
        if why := pages.why_not(method, number, target, kind):
            return why
        at = self._read_time(date, time)
        if at is None:
            return None
        if encoded:
            referrer, agent, forwarded = _ENCODED_TWICE.sub("%", referrer), _decoded[agent], _decoded[forwarded]
        else:
            agent, forwarded = agent.replace("+", " "), forwarded.replace("+", " ")
        client = choose_address(address, forwarded)
        return LogLine(at, client, host, method, target, number, referrer, agent, kind)

    def _read_time(self, date: str, time: str) -> int | None:
        """Lines without a date are of the day that a comment names, or of the next ones where the clock goes back."""
        at = self._moments[f"{date or self._date} {time}"]
        if at is None:
            return None
        if not date:
            while at < self._latest - _DAY // 2:
                at += _DAY
            self._latest = at
        return self._clock.convert(at) if self._clock and self._columns.local else at


def _read_time(text: str) -> int | None:
    """The moment of `2026-11-28 17:36:25`, with a fraction or without."""
    whole, _, fraction = text.partition(".")
    at = read_moment(whole.encode(), b"Z")
    if at is None or at < 0:
        return None
    if not fraction:
        return at
    return at + int(fraction[:6].ljust(6, "0")) if fraction.isascii() and fraction.isdigit() else None


def _decode_percent(value: str) -> str:
    return urllib.parse.unquote(_ENCODED_TWICE.sub("%", value)) if "%" in value else value


# Decoding a User-Agent takes as long as all the rest of a line.
_decoded: Final = Memo(_decode_percent, 4096, 512)


def _unquote(value: str) -> str:
    return value[1:-1].replace('""', '"') if len(value) > 1 and value.startswith('"') else value
