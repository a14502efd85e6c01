"""Option types for addresses, headers, URLs, hosts, origins and aliases."""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from prisme.base import uri
from prisme.runtime.number_types import parse_port
from prisme.runtime.option_type import InvalidValueError, OptionType, quote_all, split_list

_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token of RFC 9110, section 5.6.2
# As browsers write it: lower-case, without a trailing slash.
_ORIGIN = r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
# A path whose characters need no escapes.
_URL = r"(https?)://([^/?#@:\s]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]+)*)/*"


def _parse_address(text: str) -> str:
    if text.lower() == "localhost":
        return "127.0.0.1"
    try:
        ip_address(text)
    except ValueError:
        raise InvalidValueError from None
    return text


def _parse_listener(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon:
        raise InvalidValueError
    return _parse_address(host.removeprefix("[").removesuffix("]")), parse_port(port)


def _parse_header(text: str) -> str:
    if re.fullmatch(_HEADER_NAME, text):
        return text
    raise InvalidValueError


def _parse_url(text: str) -> str:
    """`https://example.com/stats` of that, also with a slash at the end; empty for none."""
    if not text:
        return ""
    found = re.fullmatch(_URL, text)
    host = uri.normalise_host(found[2]) if found else None
    if not found or not host or int(found[3] or 1) not in range(1, 65536):
        raise InvalidValueError
    if found[1] == "http" and _is_public(host):
        raise ValueError(
            f"{text!r} is plain HTTP to a public address, where anybody in between can read and change it: write https"
        )
    return f"{found[1]}://{host}{f':{int(found[3])}' if found[3] else ''}{found[4]}"


def _is_public(host: str) -> bool:
    """Whether a host is an address that all the internet can have; a name is none."""
    try:
        return ip_address(host.strip("[]")).is_global
    except ValueError:
        return False


def _parse_hosts(raw: str | list[object]) -> tuple[str, ...]:
    return tuple(split_list(raw))


def _parse_origins(raw: str | list[object]) -> tuple[str, ...]:
    origins = split_list(raw) if raw else []
    invalid = [origin for origin in origins if origin != "*" and not re.fullmatch(_ORIGIN, origin)]
    if invalid:
        raise ValueError(
            f"{quote_all(invalid)}: write an origin as scheme, host and, if needed, port, such as https://example.com"
        )
    return tuple(origins)


def _parse_referrers(raw: str | list[object]) -> tuple[str, ...]:
    entries = split_list(raw) if raw else []
    normal = [_normalise_pattern(entry) for entry in entries]
    invalid = [entry for entry, host in zip(entries, normal, strict=True) if not host]
    if invalid:
        raise ValueError(
            f"{quote_all(invalid)}: write only a host, such as pay.example.com, or *.example.com for all its subdomains"
        )
    return tuple(dict.fromkeys(normal))


def _normalise_pattern(entry: str) -> str:
    """A host, or `*.` before a host of at least two labels, in normal form; empty if it is neither."""
    host = uri.normalise_host(entry.removeprefix("*.")) or ""
    if not entry.startswith("*."):
        return host
    return f"*.{host}" if "." in host and not host.startswith("[") else ""


def _parse_aliases(raw: str | list[object]) -> tuple[tuple[str, str], ...]:
    entries = split_list(raw) if raw else []
    pairs = [tuple(host.strip() for host in entry.split("=")) for entry in entries]
    aliases = {pair[0]: pair[1] for pair in _normalise(pairs) if len(pair) == 2}
    errors = [
        error for entry, pair in zip(entries, pairs, strict=True) if (error := _alias_error(entry, pair, aliases))
    ]
    if errors:
        raise ValueError("; ".join(errors))
    return tuple(aliases.items())


def _normalise(pairs: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Each host in the form in which hosts are compared; empty if it is not a host."""
    return [tuple(uri.normalise_host(host) or "" for host in pair) for pair in pairs]


def _alias_error(entry: str, pair: Sequence[str], aliases: Mapping[str, str]) -> str:
    """What is wrong with an entry and how to correct it; empty if it is valid."""
    if len(pair) != 2:
        return f"{entry!r} is not two hosts separated by =, as in www.example.com=example.com"
    invalid = [host for host in pair if not uri.normalise_host(host)]
    if invalid:
        return f"{invalid[0]!r} in {entry!r} is not a host: write only its name, without scheme, port or wildcard"
    ((alias, site),) = _normalise([pair])
    if alias == site:
        return f"{entry!r} makes a host an alias of itself: remove it"
    if aliases[alias] != site:
        return f"{entry!r} makes {alias} an alias of a second site: keep only one of the two"
    if site in aliases:
        return f"{entry!r} uses an alias as the site: write {alias}={aliases[site]}"
    return ""


ADDRESS = OptionType(
    "ADDRESS",
    "an IP address: 0.0.0.0 for all IPv4 addresses, :: for IPv6, 127.0.0.1 or localhost for this machine only",
    _parse_address,
)
LISTENER = OptionType(
    "ADDRESS:PORT", "an IP address and a port, such as 127.0.0.1:9090 or [::1]:9090, or empty", _parse_listener
)
HEADER = OptionType("NAME", "a header name, without a colon", _parse_header)
URL = OptionType(
    "URL",
    "a URL of scheme, host and, if needed, port and path, such as https://stats.example.com, or empty",
    _parse_url,
)
HOSTS = OptionType("HOSTS", "hosts separated by commas, such as example.com,*.example.org", _parse_hosts, (list,))
ORIGINS = OptionType(
    "ORIGINS", "origins separated by commas, such as https://example.com, or *", _parse_origins, (list,)
)
ALIASES = OptionType(
    "ALIASES",
    "pairs of an alias and its site, separated by commas, such as www.example.com=example.com",
    _parse_aliases,
    (list,),
)
REFERRERS = OptionType(
    "HOSTS", "hosts separated by commas, such as pay.example.com,*.example.org, or empty", _parse_referrers, (list,)
)
