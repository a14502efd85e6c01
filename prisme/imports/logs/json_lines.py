"""Logs with an object a line whose keys the administrator chose: nginx, Apache, HAProxy; and Traefik's.

Each field has the keys that are common for it; which of these a file has is looked up once, by its first lines.
"""

from collections.abc import Callable, Iterable
from typing import Final

from prisme.imports.logs import pages
from prisme.imports.logs.clients import choose_address
from prisme.imports.logs.heads import lines_of
from prisme.imports.logs.json_repair import cut_prefix, decode_object
from prisme.imports.logs.json_times import JsonTimes, has_zone
from prisme.imports.logs.line import LogLine
from prisme.imports.logs.times import LocalClock
from prisme.imports.logs.zones import need_zone
from prisme.imports.reading import Reading

NO_REQUEST_LINE: Final = "not of the access log"
# In this order of preference; upper case, `-` and `.` make no difference. `docs/import.md` has them.
KEYS: Final = {
    "time": (
        "msec time_msec startutc time_iso8601 timestamp_iso8601 @timestamp timestamp time time_local ts datetime date "
        "date_time time_date accept_date request_time_iso startlocal start_time local_time t"
    ),
    "address": (
        "clienthost client_ip clientip remote_addr remoteaddr remote_ip remoteip clientaddr client_addr client_address "
        "remote_host remotehost remote_address source_ip src_ip src ip addr address remote client"
    ),
    "forwarded": "http_x_forwarded_for x_forwarded_for request_x_forwarded_for forwarded_for xff",
    "host": (
        "requestaddr http_host requesthost request_host vhost virtual_host virtualhost host server_name servername "
        "domain authority site"
    ),
    "request": "request request_line requestline http_request first_line r req",
    "method": "requestmethod request_method http_method method verb",
    "target": "request_uri requestpath request_path request_url http_uri uri url path target",
    "query": "query_string querystring request_query query args",
    "status": (
        "downstreamstatus status status_code statuscode http_status response_status response_code originstatus "
        "response code"
    ),
    "referrer": "http_referer http_referrer request_referer request_referrer referer referrer ref",
    "agent": "http_user_agent request_user_agent user_agent useragent http_useragent agent browser ua",
    "type": (
        "sent_http_content_type downstream_content_type response_content_type resp_content_type origin_content_type "
        "content_type contenttype mime_type"
    ),
}
_ALIASES: Final = {field: names.split() for field, names in KEYS.items()}


def recognise(head: bytes) -> bool:
    """Whether the lines are objects with what a pageview needs."""
    return any(_is_complete(_find_keys([found])) for found in _decode_lines(head))


def has_agents(head: bytes) -> bool:
    """Whether lines have a key for the User-Agent."""
    return "agent" in _find_keys(_decode_lines(head))


def make(head: bytes, reading: Reading) -> Callable[[bytes], LogLine | str | None]:
    """The parser for a file with these first bytes. Raises InputError where a time zone is missing."""
    objects = _decode_lines(head)
    keys = _find_keys(objects)
    key = keys.get("time", "")
    local = any(not has_zone(found.get(key)) for found in objects)
    return JsonParser(keys, JsonTimes(LocalClock(need_zone(reading)) if local else None)).parse


class JsonParser:
    """Parses the lines of one file by its keys: each field's name with the key that it has in the file."""

    def __init__(self, keys: dict[str, str], times: JsonTimes) -> None:
        self._times = times
        # A key that no line has, for fields that are not there.
        self._time, self._address, self._forwarded, self._host = _pick(keys, "time", "address", "forwarded", "host")
        self._request, self._method, self._target, self._query = _pick(keys, "request", "method", "target", "query")
        self._status, self._referrer, self._agent, self._type = _pick(keys, "status", "referrer", "agent", "type")

    def parse(self, line: bytes) -> LogLine | str | None:
        """A pageview, or why the line is none, or None where it cannot be read."""
        found = decode_object(cut_prefix(line))
        if found is None:
            return None
        status = _read_status(found.get(self._status))
        if status is None:
            return None if self._time in found and self._status in found else NO_REQUEST_LINE
        method, target = self._read_target(found)
        if not target:
            return pages.NO_REQUEST
        content_type = _text(found.get(self._type))
        if why := pages.why_not(method, status, target, content_type):
            return why
        at = self._times.read(found.get(self._time))
        if at is None:
            return None
        return LogLine(
            at,
            choose_address(_text(found.get(self._address)), _text(found.get(self._forwarded))),
            _text(found.get(self._host)),
            method,
            target,
            status,
            _text(found.get(self._referrer)),
            _text(found.get(self._agent)),
            content_type,
        )

    def _read_target(self, found: dict[str, object]) -> tuple[str, str]:
        """The method and the target; the line of the request has them as they were sent."""
        if request := _text(found.get(self._request)):
            method, _, target = request.partition(" ")
            rest, _, version = target.rpartition(" ")
            if rest and version.startswith("HTTP/"):
                return method, rest
            # Some call the target a request.
            if not target and not request.startswith("/"):
                return method, ""
        target = _text(found.get(self._target)) or (request if request.startswith("/") else "")
        query = _text(found.get(self._query))
        if query and "?" not in target:
            target = f"{target}?{query.removeprefix('?')}"
        return _text(found.get(self._method)), target


def _decode_lines(head: bytes) -> list[dict[str, object]]:
    lines = (decode_object(cut_prefix(line)) for line in lines_of(head) if b"{" in line)
    return [found for found in lines if found is not None]


def _find_keys(objects: Iterable[dict[str, object]]) -> dict[str, str]:
    """The key of each field that the objects have."""
    known = {name.lower().replace("-", "_").replace(".", "_"): name for found in objects for name in found}
    keys = ((field, next((known[name] for name in names if name in known), None)) for field, names in _ALIASES.items())
    return {field: key for field, key in keys if key is not None}


def _is_complete(keys: dict[str, str]) -> bool:
    return keys.keys() >= {"time", "status"} and ("request" in keys or keys.keys() >= {"method", "target"})


def _pick(keys: dict[str, str], *fields: str) -> list[str]:
    return [keys.get(field, "") for field in fields]


def _read_status(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0 if value == "-" else None
    return value if isinstance(value, int) else None


def _text(value: object) -> str:
    """A value as text: empty where it is missing, or `-`."""
    if not isinstance(value, str):
        return str(value[0]) if isinstance(value, list) and value else ""
    return "" if value == "-" else value
