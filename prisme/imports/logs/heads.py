"""The first lines of a file, by which its format is recognised."""

import re
from collections.abc import Callable
from typing import Final

# A few odd lines, as scanners cause them, decide nothing.
_LINES: Final = 200
_SHARE: Final = 2
_ISO: Final = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[0-9.]*(?:Z|[+-][0-9]{2}:?[0-9]{2}) "
# What precedes a line that went through syslog: `<190>Nov 28 22:46:45 host nginx[22726]: `, the same with a time of
# ISO 8601, which may stand alone, or RFC 5424's `<134>1 2026-11-28T22:46:45+05:30 host haproxy 22726 - - `.
_SYSLOG: Final = re.compile(
    rb"(?:<[0-9]{1,3}>)?(?:1 " + _ISO + rb"(?:[^ ]++ ){4}(?:-|\[[^\]]*+\]) (?:\xef\xbb\xbf)?"
    rb"|(?:" + _ISO + rb"|[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} )(?:(?:[^ ]++ )?[^ :\[]++(?:\[[0-9]++\])?: )?)"
)


def lines_of(head: bytes) -> list[bytes]:
    """The whole lines of a file's head that are not empty, at most 200; one that is cut counts where it is alone.

    A log that was copied and truncated while a server wrote can begin with NULs, which are no part of a line.
    """
    lines = head.lstrip(b"\0").split(b"\n", _LINES)
    if len(lines) > 1:
        lines.pop()
    return [line.rstrip(b"\r") for line in lines if line.strip()]


def most(lines: list[bytes], test: Callable[[bytes], object]) -> bool:
    """Whether at least half of the lines, and at least one, pass a test."""
    return bool(lines) and sum(bool(test(line)) for line in lines) * _SHARE >= len(lines)


def cut_syslog(line: bytes) -> bytes:
    """A line without the prefix of syslog."""
    found = _SYSLOG.match(line)
    return line[found.end() :] if found else line
