"""Option types for where ClickHouse is, and how its database is called."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from prisme.runtime.option_type import InvalidValueError, OptionType, split_list

_PORTS: Final = {"http": 8123, "https": 8443}
_EXPECTED: Final = "is no URL of ClickHouse's HTTP interface: write one such as https://db1.example:8443"
_DATABASE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9_.-]{0,64}")


class Endpoint(NamedTuple):
    """A host's HTTP interface."""

    host: str
    port: int
    is_tls: bool

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def address(self) -> str:
        """The host as URLs have it."""
        return f"[{self.host}]" if ":" in self.host else self.host


def _parse_urls(raw: str | list[object]) -> tuple[Endpoint, ...]:
    return tuple(dict.fromkeys(map(_parse_url, split_list(raw)))) if raw else ()


def _parse_url(url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{url.rpartition('@')[2]!r} {_EXPECTED}") from None
    if parts.username or parts.password:
        raise ValueError(
            "user and password must not be in a URL: write each into a file, and set clickhouse_user_file and "
            "clickhouse_password_file"
        )
    if parts.scheme not in _PORTS or not host or port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{url!r} {_EXPECTED}")
    return Endpoint(host, port or _PORTS[parts.scheme], parts.scheme == "https")


def _parse_database(text: str) -> str:
    if _DATABASE.fullmatch(text):
        return text
    raise InvalidValueError


def _parse_cluster(text: str) -> str:
    if _CLUSTER.fullmatch(text):
        return text
    raise InvalidValueError


ENDPOINTS = OptionType(
    "URLS",
    "URLs of hosts separated by commas, such as https://db1.example:8443,https://db2.example, or empty",
    _parse_urls,
    (list,),
)
DATABASE = OptionType("NAME", "a name of letters, digits and _ that does not begin with a digit", _parse_database)
CLUSTER = OptionType("NAME", "a name of letters, digits and _ . -, or empty", _parse_cluster)
