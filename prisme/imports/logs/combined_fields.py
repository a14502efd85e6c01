"""Cuts lines of the combined format into fields, and finds out how those of a file are made."""

import re
from collections import Counter
from typing import Final, NamedTuple

from prisme.imports.logs.clients import IP
from prisme.imports.logs.dialects import Dialect, sniff
from prisme.imports.logs.heads import cut_syslog, lines_of, most

_TIME: Final = re.compile(
    rb"\[([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}[: ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?"
    rb"( [+-][0-9]{2}-?[0-9]{2})?\] (?=\")"
)
_NUMBERS: Final = rb" ([0-9]{1,3}|-) ([0-9]+|-)(?= |$)"
_QUOTED: Final = {
    Dialect.HEX: rb'"([^"]*+)"',
    Dialect.HASH: rb'"([^"]*+)"',
    Dialect.FULL: rb'"((?:[^"\\]|\\.)*+)"',
}
_FIELDS: Final = {
    dialect: re.compile(rb"%b%b(?: %b %b(?= |$))?" % (quoted, _NUMBERS, quoted, quoted), re.DOTALL)
    for dialect, quoted in _QUOTED.items()
}
_BALANCED: Final = re.compile(rb'(?:[^"]|"(?:[^"\\]|\\.)*+")*+', re.DOTALL)
# In the dialects that are ambiguous, fields are found by what stands between them.
_REQUEST_END: Final = re.compile(rb'"' + _NUMBERS)
_ESCAPED_REQUEST_END: Final = re.compile(rb'(?<!\\)"' + _NUMBERS)
_BETWEEN: Final = re.compile(rb'(?<!\\)" "')
_TRAEFIK: Final = re.compile(rb' [0-9]+ "[^"]*+" "[^"]*+" [0-9]+ms$')
# What servers add to a line, which tells their dialect.
_ADDED: Final = (
    (re.compile(rb' "" "" [0-9]+ [0-9]+ "[^"]*" "[^"]*" "[^"]*" -?[0-9]'), Dialect.HASH),
    (re.compile(rb'" (?:TCP|UDP|NONE)[A-Z_]*:[A-Z_]+$'), Dialect.RAW),
    (_TRAEFIK, Dialect.RAW),
)
_LONGEST: Final = 300  # characters of a host, with its port
_DOMAIN_PORT: Final = re.compile(rb"[^ ]+:[0-9]+")


class Fields(NamedTuple):
    """The parts of a line from its request on. None where the line has no such field; `rest` follows the others."""

    request: bytes
    status: bytes
    referrer: bytes | None
    user_agent: bytes | None
    rest: bytes


class Layout(NamedTuple):
    """How the lines of a file are made; `dialect` is None where nothing in the first ones tells.

    `vhost` is whether a virtual host precedes, `zoned` whether times have an offset, `agents` whether there is a field
    for the User-Agent.
    """

    dialect: Dialect | None
    vhost: bool
    zoned: bool
    agents: bool


def find_time(line: bytes) -> re.Match[bytes] | None:
    """The time, with the blank after it: its groups are the clock's reading, and the offset. None where there is none.

    It is looked for first: a user's name can have blanks, quotes and brackets.
    """
    return _TIME.search(line)


def cut_fields(line: bytes, start: int, dialect: Dialect) -> Fields | None:
    """The fields of a line whose request begins at `start`, or None."""
    if dialect in _FIELDS:
        found = _FIELDS[dialect].match(line, start)
        if found is None:
            return None
        request, status, _, referrer, user_agent = found.groups()
        rest = line[found.end() :]
        if user_agent is None and not _BALANCED.fullmatch(rest):  # the line is cut
            return None
        return Fields(request, status, referrer, user_agent, rest)
    found = (dialect is Dialect.QUOTE and _ESCAPED_REQUEST_END.search(line, start)) or _REQUEST_END.search(line, start)
    if not found:
        return None
    request, status, rest = line[start + 1 : found.start()], found[1], line[found.end() :]
    end = _TRAEFIK.search(rest)
    last = rest.rfind(b'"', 0, end.start() if end else len(rest))
    values = rest[2:last]
    between = (dialect is Dialect.QUOTE and _BETWEEN.search(values)) or re.search(b'" "', values)
    if not rest.startswith(b' "') or not between:
        return Fields(request, status, None, None, rest)
    return Fields(request, status, values[: between.start()], values[between.end() :], rest[last + 1 :])


def find_layout(head: bytes) -> Layout:
    """How the lines of a file with these first bytes are made."""
    lines = [cut_syslog(line) for line in lines_of(head)]
    times = [(line, found) for line in lines if (found := find_time(line))]
    befores = [line[: found.start()] for line, found in times]
    values = [line[found.end() :] for line, found in times]
    zoned = not times or sum(found[2] is not None for _, found in times) * 2 >= len(times)
    # Daphne, and Python's http.server.
    dialect = _find_dialect(values) if zoned else Dialect.RAW
    cut = [cut_fields(line, found.end(), dialect or Dialect.FULL) for line, found in times]
    return Layout(
        dialect,
        vhost=most(befores, _has_vhost),
        zoned=zoned,
        agents=dialect is not Dialect.HASH and any(fields and fields.user_agent is not None for fields in cut),
    )


def _find_dialect(values: list[bytes]) -> Dialect | None:
    votes = Counter(dialect for value in values for added, dialect in _ADDED if added.search(value))
    if votes:
        return votes.most_common(1)[0][0]
    return sniff(b"\n".join(values))


def _has_vhost(before: bytes) -> bool:
    words = [word[:_LONGEST] for word in before.split()]
    if len(words) < 4 or IP.fullmatch(words[0].rstrip(b",")):
        return False
    return IP.fullmatch(words[1]) is not None or _DOMAIN_PORT.fullmatch(words[0]) is not None
