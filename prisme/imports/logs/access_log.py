"""Reads the access logs of web servers, whatever format they have: gives the pageviews in them, in the order of time.

A log has more than pages; `pages.py` decides which lines are pageviews. The rule of visits and the rules for bots are
applied to them later.
"""

import re
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from prisme.base.errors import InputError
from prisme.base.events import Client
from prisme.imports.files import open_input
from prisme.imports.items import Request
from prisme.imports.logs import pages
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.merge import merge, reorder
from prisme.imports.logs.parsers import Parse, find_format
from prisme.imports.logs.rotation import order_files
from prisme.imports.logs.starts import read_start
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally

NO_HOST: Final = "the log names no host: give one with --site"
_UNREADABLE: Final = "not a line of the log's format"
_SHOWN: Final = 1000  # bytes
_TELL_EVERY: Final = 4096  # lines
# An absolute URL, of any scheme.
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")
# A log without User-Agents knows nothing of clients; an empty User-Agent would be that of a bot.
_UNKNOWN: Final = Client("Other", "Other", "Other", "other")


class Log(NamedTuple):
    """A log: what parses its lines, whether they name User-Agents, and the time of the first one."""

    path: Path
    parse: Parse
    agents: bool
    first: int


def recognise(_name: str, head: bytes) -> bool:
    """Whether a file is an access log."""
    return find_format(head) is not None


def read(files: Sequence[Path], reading: Reading) -> Iterator[Request]:
    """The pageviews in all files, in the order of time. Raises InputError, at the start, where an option is missing."""
    logs = _look_at_all(order_files(files, reading.tally), reading)
    # Copies and empty files are done at once.
    done = {path: path.stat().st_size for path in files} | {log.path: 0 for log in logs}

    def read_lines(log: Log) -> Iterator[LogLine]:
        return reorder(_read_lines(log, reading, done))

    for log, line in merge(logs, [log.first for log in logs], read_lines):
        request = make_request(line, reading.site, log.agents)
        if request is None:
            reading.tally.skip(NO_HOST)
        else:
            yield request
    reading.tell(sum(done.values()))


class NoLogError(InputError):
    """A file is no log, or none that can be read."""


def _look_at_all(files: Sequence[Path], reading: Reading) -> list[Log]:
    """The logs that are not empty. A file that is none counts as a bad line. Raises InputError if all are none."""
    logs: list[Log] = []
    failures: list[NoLogError] = []
    for path in files:
        try:
            if log := look(path, reading):
                logs.append(log)
        except NoLogError as error:
            failures.append(error)
            reading.tally.refuse(path.name, 1, str(error), "")
    if failures and not logs:
        raise failures[0]
    return logs


def look(path: Path, reading: Reading) -> Log | None:
    """What is known of a file by its first lines; None for one without any. Raises InputError and NoLogError."""
    try:
        head = read_start(path)
    except InputError as error:
        raise NoLogError(f"{path.name}: {error}") from error
    if not head.strip(b"\0\r\n "):
        return None
    found = find_format(head)
    if found is None:
        raise NoLogError(f"{path.name} is not an access log of a known format")
    parse = found.make(head, reading)
    lines = [line for line in map(parse, head.splitlines()) if isinstance(line, LogLine)]
    if not reading.site and sum(bool(_host_of(line)) for line in lines) * 2 < len(lines):
        raise InputError(f"{path.name} does not say which site it is of: name it with --site www.example.com")
    first = min((line.at for line in lines), default=0)
    # Times without a zone are converted in the order of lines: from the first one again.
    return Log(path, found.make(head, reading), found.has_agents(head), first)


def _read_lines(log: Log, reading: Reading, done: dict[Path, int]) -> Iterator[LogLine]:
    with open_input(log.path) as file:
        for number, line in enumerate(file.lines(reading.tally), start=1):
            if number % _TELL_EVERY == 0:
                done[log.path] = file.done
                reading.tell(sum(done.values()))
            if line and (found := parse_line(log, line, number, reading.tally)) is not None:
                yield found
        done[log.path] = file.done


def parse_line(log: Log, line: bytes, number: int, tally: Tally) -> LogLine | None:
    """The pageview of a line, or None, and then it is counted why."""
    tally.rows += 1
    result = log.parse(line)
    if isinstance(result, LogLine):
        return result
    if result is None:
        tally.refuse(log.path.name, number, _UNREADABLE, line[:_SHOWN].decode(errors="replace"))
    else:
        tally.skipped[result] += 1
    return None


def _host_of(line: LogLine) -> str:
    return pages.cut_authority(line.target)[0] or line.host


def make_request(line: LogLine, site: str, agents: bool) -> Request | None:
    """The pageview of a line; None where neither the line nor the option names a host."""
    authority, target = pages.cut_authority(line.target)
    host = site or line.host
    if host and (site or not authority):
        authority = f"http://{host}" if host.endswith(":80") else f"https://{host}"
    if not authority:
        return None
    url = authority.removesuffix(":80") if authority.startswith("http:") else authority.removesuffix(":443")
    return Request(
        line.at,
        url + _CONTROL.sub(_quote, target),
        line.referrer if _ABSOLUTE.match(line.referrer) else "",
        line.address,
        line.user_agent,
        client=None if agents or line.user_agent else _UNKNOWN,
        status=line.status,
    )


def _quote(found: re.Match[str]) -> str:
    return urllib.parse.quote(found[0])


def _follow(files: Sequence[Path], reading: Reading, stop: Callable[[], bool]) -> Iterator[Request | None]:
    from prisme.imports.logs.following import follow_log

    return follow_log(files, reading, stop)


FORMAT: Final = Format("access-log", recognise, read, _follow)
