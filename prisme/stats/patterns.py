"""Normalise paths, hosts and links in filters to the form in which they are stored: users may type them decoded.

`/café/*` matches `/caf%C3%A9/menu`, and `Bücher.example` matches `xn--bcher-kva.example`.

A pattern is a tuple of the pieces between its stars, and each piece is normalised by itself: dot segments and repeated
slashes are resolved only in whole paths, and labels outside ASCII only if the pattern contains the whole label.
"""

import re
from collections.abc import Callable
from typing import Final

from prisme.base.uri import normalise_host, normalise_path, parse
from prisme.stats.channels import spell_channel
from prisme.stats.source_names import name_source

# The filters on paths, those on hosts, and those on whole URLs.
PATHS: Final = frozenset(("path", "entry-path", "exit-path"))
HOSTS: Final = frozenset(("domain", "referrer"))
LINKS: Final = frozenset(("outbound-link", "file-download"))
# Filters on names that Python gives, with their spelling: `google` is Google.
NAMES: Final[dict[str, Callable[[str], str]]] = {"source": name_source, "channel": spell_channel}

# ("/blog/", "") stands for `/blog/*`, ("/",) for `/`.
Pattern = tuple[str, ...]

_UNRESERVED: Final = re.compile(r"[A-Za-z0-9\-._~]")
# An escape, or a character that neither a path (RFC 3986, section 3.3) nor a page parameter's value may contain.
_ODD: Final = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_PORT: Final = re.compile(r":[0-9]{1,5}\Z")


def normalise(name: str, pattern: Pattern) -> Pattern:
    """Return the pattern of a filter as its column stores it; patterns on other columns than these stay unchanged."""
    if name in PATHS:
        return _normalise_path(pattern)
    if name in LINKS:
        return _normalise_link(pattern)
    if name in NAMES:
        return (NAMES[name](pattern[0]),) if len(pattern) == 1 and pattern[0] else pattern
    return _normalise_host(pattern) if name in HOSTS else pattern


def escape(text: str) -> str:
    """Percent-encode every byte of a text."""
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _normalise_path(pattern: Pattern) -> Pattern:
    pieces: list[str] = []
    in_query = False
    for piece in pattern:
        path, mark, query = ("", "", piece) if in_query else piece.partition("?")
        is_whole = path.startswith("/") and (len(pattern) == 1 or bool(mark and not pieces))
        path = normalise_path(path) if is_whole else _ODD.sub(_respell, path)
        # With page parameters, the stored path includes a part of the query.
        pieces.append(path + mark + _ODD.sub(_respell, query))
        in_query = in_query or bool(mark)
    return tuple(pieces)


def _normalise_link(pattern: Pattern) -> Pattern:
    """Normalise a whole URL; of the pieces around a star, only characters that no URL contains are escaped."""
    if len(pattern) == 1:
        link = parse(pattern[0].encode("utf-8", "surrogatepass"))
        return (str(link),) if link else pattern
    return tuple(_BEYOND_ASCII.sub(lambda odd: escape(odd[0]), piece) for piece in pattern)


def _respell(odd: re.Match[str]) -> str:
    if odd[1] is None:
        return escape(odd[0])
    plain = chr(int(odd[1], 16))
    return plain if _UNRESERVED.fullmatch(plain) else odd[0].upper()


def _normalise_host(pattern: Pattern) -> Pattern:
    last = len(pattern) - 1
    if not last:
        return (_read_domain(pattern[0]),)
    return tuple(_normalise_labels(piece, not number, number == last) for number, piece in enumerate(pattern))


def _normalise_labels(piece: str, starts: bool, ends: bool) -> str:
    """Normalise a piece of a host; unless it starts or ends the host, a star cuts off its first or last label."""
    labels = piece.lower().split(".")
    for number in range(0 if starts else 1, len(labels) if ends else len(labels) - 1):
        labels[number] = _read_domain(labels[number])
    return ".".join(labels)


def _read_domain(text: str) -> str:
    """Normalise a host, with or without a port; other texts become lower-case."""
    port = _PORT.search(text)
    name = text[: port.start()] if port else text
    return (normalise_host(name) or name.lower()) + (port[0] if port else "")
