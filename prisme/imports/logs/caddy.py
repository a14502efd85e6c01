"""Caddy's access log: an object a line, as Caddy 2 writes it by default, or with another form of its time."""

from collections.abc import Callable
from typing import Final

import msgspec

from prisme.imports.logs import pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.heads import lines_of
from prisme.imports.logs.json_repair import UNREADABLE, cut_prefix, decode_object
from prisme.imports.logs.json_times import JsonTimes, has_zone
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.times import LocalClock
from prisme.imports.logs.zones import need_zone
from prisme.imports.reading import Reading

NO_ACCESS: Final = "not of the access log"
_LOGGER: Final = "http.log.access"
# Filters of Caddy can make a text of a list.
_Values = list[str] | str


class _RequestHeaders(msgspec.Struct, gc=False):
    user_agent: _Values = msgspec.field(default="", name="User-Agent")
    referer: _Values = msgspec.field(default="", name="Referer")
    forwarded: _Values = msgspec.field(default="", name="X-Forwarded-For")


class _ResponseHeaders(msgspec.Struct, gc=False):
    content_type: _Values = msgspec.field(default="", name="Content-Type")


class _Request(msgspec.Struct, gc=False):
    method: str
    uri: str
    host: str = ""
    client_ip: str = ""
    remote_ip: str = ""
    remote_addr: str = ""
    headers: _RequestHeaders = msgspec.field(default_factory=_RequestHeaders)


class _Line(msgspec.Struct, gc=False):
    ts: float | str
    request: _Request | None = None
    status: int = 0
    logger: str = _LOGGER
    resp_headers: _ResponseHeaders = msgspec.field(default_factory=_ResponseHeaders)


_decode: Final = msgspec.json.Decoder(_Line).decode


def recognise(head: bytes) -> bool:
    """Whether one of the first lines is of Caddy's access log: its other lines are in the same file by default."""
    found = (_read(line) for line in lines_of(head) if b'"request":' in line)
    return any(line is not None and line.request is not None for line in found)


def has_agents(head: bytes) -> bool:
    """Whether the header was not removed by a filter."""
    return b'"User-Agent":' in head


def make(head: bytes, reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser for a file with these first bytes. Raises InputError where a time zone is missing."""
    found = next((line for line in map(_read, lines_of(head)) if line is not None), None)
    local = found is not None and not has_zone(found.ts)
    times = JsonTimes(LocalClock(need_zone(reading)) if local else None)

    def parse(line: bytes) -> LogLine | str | None:
        return _parse(line, times)

    return parse


def _parse(line: bytes, times: JsonTimes) -> LogLine | str | None:
    found = _read(line)
    if found is None:
        return None if decode_object(cut_prefix(line)) is None or b'"request":' in line else NO_ACCESS
    request = found.request
    if request is None or not found.logger.startswith(_LOGGER):
        return NO_ACCESS
    content_type = _first(found.resp_headers.content_type)
    if why := pages.why_not(request.method, found.status, request.uri, content_type):
        return why
    at = times.read(found.ts)
    if at is None:
        return None
    headers = request.headers
    peer = request.client_ip or request.remote_ip or request.remote_addr
    return LogLine(
        at,
        choose_address(peer, _first(headers.forwarded)),
        request.host,
        request.method,
        request.uri,
        found.status,
        _first(headers.referer),
        _first(headers.user_agent),
        content_type,
    )


def _read(line: bytes) -> _Line | None:
    line = cut_prefix(line)
    try:
        return _decode(line)
    except UNREADABLE:
        found = decode_object(line)
    try:
        return None if found is None else msgspec.convert(found, _Line)
    except msgspec.ValidationError:
        return None


def _first(values: _Values) -> str:
    return values if isinstance(values, str) else values[0] if values else ""
