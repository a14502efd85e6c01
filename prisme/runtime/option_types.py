"""Kinds of option values: how what an operator wrote is read, and what may be written. No option is known here.

A kind reads a text (of a flag, a variable or the file) or a value of TOML's own; ValueError says what to write instead.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from prisme.base import uri
from prisme.runtime.machine import Machine

_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_DURATION_PART = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h)"
# As DuckDB has it: MB is a million bytes, MiB is 2^20.
_BYTES = {
    unit.lower(): base**power
    for base, units in ((1000, "KB MB GB TB"), (1024, "KiB MiB GiB TiB"))
    for power, unit in enumerate(units.split(), start=1)
}
_SIZE = rf"([0-9]{{1,12}}(?:\.[0-9]{{1,6}})?) ?({'|'.join(_BYTES)})"
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_WHOLE = r"-?[0-9]{1,18}"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token of RFC 9110, section 5.6.2
# As browsers write it: lower-case, without the slash.
_ORIGIN = r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
# A name of a query, as it stands in a URL: what ends a name, and blanks, belong to none.
_PARAMETER = r"[^\s=&#?]{1,64}"
# DuckDB needs some room, however small the machine.
_SHARE_FLOOR = 128_000_000


class MisfitError(ValueError):
    """Not of the kind's form; there is nothing more to say."""


class Kind(NamedTuple):
    """`shape` stands for a value in the help; `form` says what may be written, and follows the words "is not"."""

    shape: str
    form: str
    scan: Callable[[Any], Any]  # raises MisfitError, or a ValueError with words of its own
    natives: tuple[type, ...] = ()  # TOML's own types that are taken besides text
    bare: str | None = None  # what a flag without a value means

    def read(self, raw: object) -> Any:
        """The value of `raw`, or a function of the machine that gives it; ValueError where it is not of this kind."""
        try:
            if isinstance(raw, str):
                return self.scan(raw.strip())
            if type(raw) in self.natives:
                return self.scan(raw)
        except MisfitError:
            pass
        if raw == "":
            raise ValueError(f"the value is missing: write {self.form}")
        raise ValueError(f"{_show(raw)} is not {self.form}")


def whole(least: int, most: int = 1_000_000) -> Kind:
    """A whole number. The default of `most` is far above any use: beyond it, a finger slipped."""

    def scan(raw: object) -> int:
        if re.fullmatch(_WHOLE, str(raw)) and least <= int(str(raw)) <= most:
            return int(str(raw))
        raise MisfitError

    return Kind("NUMBER", f"a whole number from {least} to {most}", scan, (int,))


def _scan_port(raw: object) -> int:
    if str(raw).startswith("tcp://"):
        raise ValueError(
            f"{raw!r} is what Kubernetes sets for a service of this name: "
            "say enableServiceLinks: false in the pod, or give the port as a flag"
        )
    if str(raw) == "0":
        raise ValueError(
            "0 would take another free port at every start, and no page would know it: write a port from 1 to 65535"
        )
    port: int = whole(1, 65535).scan(raw)
    return port


def _scan_boolean(raw: object) -> bool:
    value = _BOOLEANS.get(str(raw).lower())
    if value is None:
        raise MisfitError
    return value


def _scan_trust(raw: object) -> str:
    return "auto" if raw == "auto" else str(_scan_boolean(raw)).lower()


def duration(least: str, most: str) -> Kind:
    """Seconds, as float, from a text like 500ms, 10s or 1h30m."""
    low, high = _milliseconds(least), _milliseconds(most)

    def scan(text: str) -> float:
        if low <= _milliseconds(text) <= high:
            return _milliseconds(text) / 1000
        raise MisfitError

    return Kind("DURATION", f"a duration from {least} to {most}, such as 500ms, 10s, 1m or 24h", scan)


def _milliseconds(text: str) -> float:
    if not re.fullmatch(f"(?:{_DURATION_PART})+", text):
        raise MisfitError
    return sum(float(amount) * _MILLISECONDS[unit] for amount, unit in re.findall(_DURATION_PART, text))


def memory(least: str, most: str) -> Kind:
    """Bytes, as int, from a text like 512MB; a text like 25% gives a function of the machine instead."""
    low, high = _bytes(least), _bytes(most)

    def scan(text: str) -> int | Callable[[Machine], int]:
        if re.fullmatch("[1-9][0-9]?%|100%", text):
            percent = int(text.removesuffix("%"))
            return lambda machine: max(_SHARE_FLOOR, machine.memory * percent // 100)
        if low <= _bytes(text) <= high:
            return _bytes(text)
        raise MisfitError

    return Kind("SIZE", f"a size from {least} to {most}, such as 512MB, or a share of the memory, such as 25%", scan)


def size(most: str) -> Kind:
    """Bytes, as int, from a text like 512MB; 0 needs no unit."""
    high = _bytes(most)

    def scan(raw: object) -> int:
        if str(raw) == "0":
            return 0
        if isinstance(raw, str) and _bytes(raw) <= high:
            return _bytes(raw)
        raise MisfitError

    return Kind("SIZE", f"a size up to {most}, such as 512MB, or 0", scan, (int,))


def _bytes(text: str) -> int:
    found = re.fullmatch(_SIZE, text.lower())
    if not found:
        raise MisfitError
    return int(float(found[1]) * _BYTES[found[2]])


def _scan_threads(raw: object) -> int | Callable[[Machine], int]:
    if raw == "all":
        return lambda machine: machine.cores
    threads: int = whole(1, 1024).scan(raw)
    return threads


def choice(*words: str) -> Kind:
    """One of some words."""

    def scan(text: str) -> str:
        if text in words:
            return text
        raise MisfitError

    return Kind("|".join(words), f"one of {', '.join(words)}", scan)


def _scan_address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise MisfitError from None
    return text


def _scan_listener(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon:
        raise MisfitError
    return _scan_address(host.removeprefix("[").removesuffix("]")), _scan_port(port)


def _scan_log(text: str) -> Path | None:
    return _scan_path(text) if text else None


def _scan_header(text: str) -> str:
    if re.fullmatch(_HEADER_NAME, text):
        return text
    raise MisfitError


def _scan_path(text: str) -> Path:
    if not text or "\0" in text:
        raise MisfitError
    if text.startswith("~"):
        raise ValueError(f"the ~ in {text!r} stands for nothing here: write the whole path")
    return Path(text)


def _scan_file(text: str) -> Path | None:
    if not text:
        return None
    path = _scan_path(text)
    try:
        if path.is_file():
            return path
    except OSError as error:
        raise ValueError(f"{text!r} cannot be read ({error.strerror}): name a file that this user may read") from None
    raise ValueError(f"there is no file {text!r}: correct the path, or leave the option out")


def _split(raw: str | list[object]) -> list[str]:
    """The entries of a comma-separated text, or of TOML's own list, where a comma separates nothing."""
    entries: Sequence[object] = raw.split(",") if isinstance(raw, str) else raw
    texts = [entry.strip() for entry in entries if isinstance(entry, str)]
    if len(texts) < len(entries):
        raise MisfitError
    return texts


def _scan_origins(raw: str | list[object]) -> tuple[str, ...]:
    origins = _split(raw) if raw else []
    odd = [origin for origin in origins if origin != "*" and not re.fullmatch(_ORIGIN, origin)]
    if odd:
        raise ValueError(
            f"{', '.join(map(repr, odd))}: an origin has a scheme and a host, perhaps a port, and nothing else, "
            "such as https://example.com"
        )
    return tuple(origins)


def _scan_patterns(raw: str | list[object]) -> tuple[str, ...]:
    patterns = _split(raw) if raw else []
    faults = [fault for place, pattern in enumerate(patterns, 1) if (fault := _fault(place, pattern))]
    if faults:
        raise ValueError(f"{'; '.join(faults)}: correct this, and write a pattern with a comma in a list in the file")
    return tuple(patterns)


def _fault(place: int, pattern: str) -> str:
    if not pattern:
        return f"pattern {place} is empty and would match everything"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{pattern!r} is no regular expression ({error})"
    return ""


def _scan_aliases(raw: str | list[object]) -> tuple[tuple[str, str], ...]:
    entries = _split(raw) if raw else []
    pairs = [tuple(host.strip() for host in entry.split("=")) for entry in entries]
    aliases = {pair[0]: pair[1] for pair in _normalise(pairs) if len(pair) == 2}
    faults = [
        fault for entry, pair in zip(entries, pairs, strict=True) if (fault := _alias_fault(entry, pair, aliases))
    ]
    if faults:
        raise ValueError("; ".join(faults))
    return tuple(aliases.items())


def _normalise(pairs: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Each host in the form that hosts are compared in; empty where it is none."""
    return [tuple(uri.normalise_host(host) or "" for host in pair) for pair in pairs]


def _alias_fault(entry: str, pair: Sequence[str], aliases: Mapping[str, str]) -> str:
    """What is wrong with an entry and how to correct it; empty where nothing is."""
    if len(pair) != 2:
        return f"{entry!r} is not two hosts with = between them: write it as in www.example.com=example.com"
    odd = [host for host in pair if not uri.normalise_host(host)]
    if odd:
        return f"{odd[0]!r} in {entry!r} is not a host: write names alone, without scheme, port and wildcard"
    ((alias, site),) = _normalise([pair])
    if alias == site:
        return f"{entry!r} makes a host an alias of itself: remove it"
    if aliases[alias] != site:
        return f"{entry!r} makes {alias} an alias of a second site: keep one of the two"
    if site in aliases:
        return f"{entry!r} names an alias as the site: write {alias}={aliases[site]}"
    return ""


def _scan_parameters(raw: str | list[object]) -> tuple[str, ...]:
    names = _split(raw) if raw else []
    odd = [name for name in names if not re.fullmatch(_PARAMETER, name)]
    if odd:
        raise ValueError(f"{', '.join(map(repr, odd))}: write the names alone, as they stand before the = in a URL")
    return tuple(dict.fromkeys(names))


def _scan_hosts(raw: str | list[object]) -> tuple[str, ...]:
    entries = _split(raw) if raw else []
    normal = [_normalise_entry(entry) for entry in entries]
    odd = [entry for entry, host in zip(entries, normal, strict=True) if not host]
    if odd:
        raise ValueError(
            f"{', '.join(map(repr, odd))}: write a host alone, such as pay.example.com, or *.example.com for all below"
        )
    return tuple(dict.fromkeys(normal))


def _normalise_entry(entry: str) -> str:
    """A host, or `*.` before one of at least two labels, in normal form; empty where it is neither."""
    host = uri.normalise_host(entry.removeprefix("*.")) or ""
    if not entry.startswith("*."):
        return host
    return f"*.{host}" if "." in host and not host.startswith("[") else ""


def _show(raw: object) -> str:
    """`raw` as the operator wrote it, or nearly."""
    if isinstance(raw, dict):
        return "a table"
    return str(raw).lower() if isinstance(raw, bool) else repr(raw) if isinstance(raw, str | list) else str(raw)


BOOLEAN = Kind("true|false", "true or false", _scan_boolean, (bool,), "true")
TRUST = Kind("auto|true|false", "auto, true or false", _scan_trust, (bool,), "true")
PORT = Kind("NUMBER", "a port from 1 to 65535", _scan_port, (int,))
ADDRESS = Kind(
    "ADDRESS", "an IP address: 0.0.0.0 for all of IPv4, :: for IPv6, 127.0.0.1 for this machine alone", _scan_address
)
LISTENER = Kind(
    "ADDRESS:PORT", "an IP address and a port, such as 127.0.0.1:9090 or [::1]:9090, or empty", _scan_listener
)
LOG = Kind("FILE", "the path of a file, or empty", _scan_log)
HEADER = Kind("NAME", "a header's name, without a colon", _scan_header)
THREADS = Kind("NUMBER", "a whole number from 1 to 1024, or all", _scan_threads, (int,))
FOLDER = Kind("FOLDER", "a path", _scan_path)
FILE = Kind("FILE", "the path of a file, or empty", _scan_file)
HOSTS = Kind(
    "HOSTS", "hosts separated by commas, such as example.com,*.example.org", lambda raw: tuple(_split(raw)), (list,)
)
ORIGINS = Kind("ORIGINS", "origins separated by commas, such as https://example.com, or *", _scan_origins, (list,))
ALIASES = Kind(
    "ALIASES",
    "pairs of an alias and its site, separated by commas, such as www.example.com=example.com",
    _scan_aliases,
    (list,),
)
PARAMETERS = Kind("NAMES", "names separated by commas, such as id,t", _scan_parameters, (list,))
REFERRERS = Kind(
    "HOSTS", "hosts separated by commas, such as pay.example.com,*.example.org, or empty", _scan_hosts, (list,)
)
PATTERNS = Kind("PATTERNS", "regular expressions separated by commas", _scan_patterns, (list,))
