"""HAProxy's `option httplog`: `ADDRESS:PORT [TIME] FRONTEND SERVER TIMERS STATUS ... {CAPTURES} "REQUEST"`.

Its times are of the local clock, and of the start of requests. What stands before the address may have the zone.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from prisme.imports.logs import pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.dialects import Dialect, unescape
from prisme.imports.logs.heads import lines_of, most
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.times import SECOND, LocalClock, read_local, read_moment
from prisme.imports.logs.zones import need_zone
from prisme.imports.reading import Reading

# Found first, and from there in both directions: each part is looked at once.
_TIME: Final = re.compile(rb" \[([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2})\.([0-9]{3})\] ")
_FIELDS: Final = re.compile(
    rb"[^ ]++ [^ ]++ (?:[+-]?[0-9]+/){4}[+]?(-?[0-9]+) (-?[0-9]+) [+]?[0-9]+ [^ ]++ [^ ]++ [^ ]++"
    rb" [+0-9/]++ [0-9]++/[0-9]++((?: \{[^}\"]*+\}){0,2}) \"([^\"]*+)(\"?)"
)
# ISO 8601, as rsyslog, RFC 5424 and HAProxy's own formats begin lines.
_PREFIX: Final = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})"
)
_METHOD: Final = re.compile(r"[A-Z_-]{2,32}")
# Zones are whole quarters of an hour ahead of UTC.
_QUARTER: Final = 900 * SECOND

_LONGEST: Final = 512  # characters of a capture that are looked at
_HOST, _REFERRER, _AGENT, _ADDRESSES, _TYPE = "host", "referrer", "user_agent", "addresses", "content_type"
# What an administrator captures, and in which order, can only be told by the values.
_ROLES: Final = (
    (_ADDRESSES, re.compile(r"[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*(?:, *[0-9a-fA-F.:]+)*")),
    (_REFERRER, re.compile(r"https?://.*")),
    (_TYPE, re.compile(r"(?:text|image|application|font|video|audio)/[\w.+-]+(?:;.*)?")),
    (_AGENT, re.compile(r"[A-Z][\w-]*/[0-9].*|.+ .+")),
    (_HOST, re.compile(r"(?:[\w-]+\.)+[\w-]+\.?(?::[0-9]+)?|localhost(?::[0-9]+)?|\[[0-9a-fA-F:.]+\](?::[0-9]+)?")),
)


class _Line(NamedTuple):
    """The parts of a line. Lines are cut at 1,023 bytes: `whole` is whether the request's last quote is there."""

    prefix: bytes
    address: bytes
    clock: bytes
    milliseconds: int
    total: int
    status: int
    captures: bytes
    request: bytes
    whole: bool


def recognise(head: bytes) -> bool:
    """Whether these are lines of `option httplog`."""
    return most(lines_of(head), _cut)


def has_agents(head: bytes) -> bool:
    """Whether the User-Agent is captured."""
    return _AGENT in _find_roles(head).values()


def make(head: bytes, reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser for a file with these first bytes. Raises InputError where a time zone is missing."""
    zoned = most(lines_of(head), _PREFIX.search)
    return _Parser(_find_roles(head), None if zoned else LocalClock(need_zone(reading))).parse


def _find_roles(head: bytes) -> dict[int, str]:
    """Which of the captures is what, by their position."""
    votes: dict[int, Counter[str]] = {}
    for line in lines_of(head):
        found = _cut(line)
        for position, value in enumerate(_captures(found.captures) if found else ()):
            role = next((role for role, pattern in _ROLES if pattern.fullmatch(value[:_LONGEST])), None)
            if role:
                votes.setdefault(position, Counter())[role] += 1
    roles = {position: counts.most_common(1)[0][0] for position, counts in votes.items()}
    # Each one once: a second host or agent is something else.
    return {position: role for position, role in sorted(roles.items()) if role not in _before(roles, position)}


def _before(roles: dict[int, str], position: int) -> set[str]:
    return {role for other, role in roles.items() if other < position}


def _captures(text: bytes) -> list[str]:
    """The values of ` {a|b} {c}`. A missing one is empty."""
    blocks = re.findall(rb"\{([^}]*)\}", text)
    return [unescape(value, Dialect.HASH) for block in blocks for value in block.split(b"|")]


def _cut(line: bytes) -> _Line | None:
    time = _TIME.search(line)
    fields = _FIELDS.match(line, time.end()) if time else None
    if time is None or fields is None:
        return None
    prefix, _, client = line[: time.start()].rpartition(b" ")
    total, status, captures, request, end = fields.groups()
    address = client.rpartition(b":")[0]
    return _Line(prefix, address, time[1], int(time[2]), int(total), int(status), captures, request, bool(end))


class _Parser:
    def __init__(self, roles: dict[int, str], clock: LocalClock | None) -> None:
        self._roles = roles
        self._clock = clock

    def parse(self, line: bytes) -> LogLine | str | None:
        """A pageview, or why the line is none, or None where it cannot be read."""
        found = _cut(line)
        if found is None:
            return None
        method, _, rest = unescape(found.request, Dialect.HASH).partition(" ")
        if not _METHOD.fullmatch(method):
            return pages.NO_REQUEST
        target, _, version = rest.rpartition(" ")
        target = target if version.startswith("HTTP/") else rest
        captures = enumerate(_captures(found.captures))
        values = {self._roles.get(position): value for position, value in captures if value != "-"}
        content_type = values.get(_TYPE, "")
        if why := pages.why_not(method, found.status, target, content_type):
            return why
        at = self._read_time(found)
        if at is None or (not found.whole and "?" not in target):
            return None
        address = choose_address(found.address.decode(errors="replace"), values.get(_ADDRESSES, ""))
        host, referrer, agent = (values.get(role, "") for role in (_HOST, _REFERRER, _AGENT))
        return LogLine(at, address, host, method, target, found.status, referrer, agent, content_type)

    def _read_time(self, line: _Line) -> int | None:
        """The start of the request, by the prefix's zone where there is one."""
        reading = read_local(line.clock)
        if reading is None:
            return None
        reading += line.milliseconds * 1000
        if self._clock is not None:
            return self._clock.convert(reading)
        written = _PREFIX.search(line.prefix)
        logged = read_moment(*written.groups()) if written else None
        if logged is None:
            return None
        # The prefix is of the end of the request, and possibly of another zone than HAProxy's.
        ahead = reading + max(line.total, 0) * 1000 - logged
        return reading - round(ahead / _QUARTER) * _QUARTER
