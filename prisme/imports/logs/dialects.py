"""How servers escape what clients sent, within the quotes of a log's line: each one does it in its own way.

Percent-encoding is of the client, and stays as it is.
"""

import enum
import re
from collections.abc import Callable
from typing import Final


class Dialect(enum.Enum):
    """What stands for a quote, for a backslash, and for bytes that cannot be printed."""

    HEX = r"`\x22`; nothing else is an escape: nginx, h2o"
    FULL = r"`\"` `\\` `\n` `\xC3` `\u00e9`: Apache, lighttpd, varnish, morgan"
    QUOTE = r"`\"` alone, a backslash is itself: Gunicorn"
    HASH = "`#22`: HAProxy"
    RAW = "nothing is escaped: squid, Traefik, and Python's small servers"


_TOKEN: Final = re.compile(rb"\\(?:(\\)|(\")|x(22|5[Cc])|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[nrtvbf]|())", re.DOTALL)
_HEX: Final = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_FULL: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_HASH: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_LETTERS: Final = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"b": b"\b",
    b"f": b"\f",
    b'"': b'"',
    b"\\": b"\\",
}


def sniff(text: bytes) -> Dialect | None:
    r"""The dialect of a text with backslashes, by what is in it; None where nothing tells.

    Those that write `\"` never write `\x22`, and but for Gunicorn, they write no backslash that escapes nothing.
    """
    doubles = quotes = codes = alone = 0
    for token in _TOKEN.finditer(text):
        doubles += token[1] is not None
        quotes += token[2] is not None
        codes += token[3] is not None
        alone += token[4] is not None
    if codes > quotes:
        return Dialect.HEX
    if quotes:
        return Dialect.QUOTE if alone else Dialect.FULL
    return Dialect.FULL if doubles and not alone else None


def unescape(value: bytes, dialect: Dialect) -> str:
    """What a client sent, from what stands between the quotes. Bytes that are no UTF-8 are U+FFFD."""
    text = _UNESCAPE[dialect](value).decode(errors="replace")
    # Python's and Node's headers are Latin-1; what they log as UTF-8 was encoded twice. The others escape such bytes.
    return text if text.isascii() or dialect not in _TWICE or b"\\x" in value else _decode_twice(text)


def _unescape_full(value: bytes) -> bytes:
    return _FULL.sub(_replace_full, value)


def _replace_full(found: re.Match[bytes]) -> bytes:
    code, unit, letter = found.groups()
    if code is not None:
        return bytes.fromhex(code.decode())
    if unit is not None:
        return chr(int(unit, 16)).encode(errors="replace")
    return _LETTERS.get(letter, found[0])


def _replace_code(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())


def _decode_twice(text: str) -> str:
    """`cafÃ©` is `café`, where that is what it can be."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


_TWICE: Final = frozenset({Dialect.FULL, Dialect.QUOTE, Dialect.RAW})
_UNESCAPE: Final[dict[Dialect, Callable[[bytes], bytes]]] = {
    Dialect.HEX: lambda value: _HEX.sub(_replace_code, value),
    Dialect.FULL: _unescape_full,
    Dialect.QUOTE: lambda value: value.replace(b'\\"', b'"'),
    Dialect.HASH: lambda value: _HASH.sub(_replace_code, value),
    Dialect.RAW: lambda value: value,
}
