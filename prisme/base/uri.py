"""Absolute URLs in a normal form, so that each page has one path and each site one host, however a client writes them.

The form is that of RFC 3986 (section 6.2.2: case, percent-encoding, dot segments), with repeated slashes collapsed
first. Invalid input gives None, never an exception.
"""

import ipaddress
import re
import urllib.parse

import idna
import msgspec

MAX_BYTES = 8192

# The characters that are not allowed in a query (RFC 3986 section 3.4) and are escaped. Escapes stay unchanged.
_INVALID_IN_QUERY = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")

_WEB = frozenset(("http", "https"))


class Uri(msgspec.Struct, frozen=True, gc=False):
    """`host` is lower-case, IDN as punycode, IPv6 compressed in brackets; `domain` is the host with its port, if given.

    `path` is normalised, ASCII, and starts with "/"; `query` is raw, one character per byte (latin-1), without "?".
    """

    scheme: str
    host: str
    domain: str
    path: str
    query: str
    is_web: bool  # the scheme is `http` or `https`: only these can be a page or an outbound link

    def __str__(self) -> str:
        """The URL in normal form, without user info and fragment."""
        query = normalise_query(self.query)
        return f"{self.scheme}://{self.domain}{self.path}" + (f"?{query}" if query else "")


# The components of RFC 3986 section 3. Control characters match nowhere, so they need no separate check. A backslash
# ends the host for browsers, but belongs to the user info for other parsers: as it is not allowed in the authority, all
# of them agree on the host.
_PARTS = re.compile(
    rb"([A-Za-z][A-Za-z0-9+.-]*+)://"
    rb"(?>[^/?#\\\x00-\x1f\x7f]*@)?+"
    rb"(\[[^]/?#@\\\x00-\x1f\x7f]*+\]|[^/?#@:\\\x00-\x1f\x7f]++)"
    rb"(?::([0-9]*+))?"
    rb"((?:/[^?#\x00-\x1f\x7f]*+)?)"
    rb"(?:\?([^#\x00-\x1f\x7f]*+))?"
    rb"(?:#[^\x00-\x1f\x7f]*+)?"
)


def parse(raw: bytes) -> Uri | None:
    """The URL in `raw`, without user info and fragment, or None.

    None for anything that is not `scheme://host...`, is over `MAX_BYTES`, or has a control character. Spaces at both
    ends are removed.
    """
    if len(raw) > MAX_BYTES:
        return None
    parts = _PARTS.fullmatch(raw.strip(b" "))
    if parts is None:
        return None
    scheme, name, port, path, query = parts.groups(b"")
    host = normalise_host(name.decode("utf-8", "replace"))  # U+FFFD is invalid in a host
    if host is None:
        return None
    domain = host
    if port:
        digits = port.lstrip(b"0") or b"0"
        if len(digits) > 5 or int(digits) > 65535:  # int() is slow for many digits, or raises
            return None
        domain = f"{host}:{digits.decode()}"
    lower_scheme = scheme.decode().lower()
    return Uri(lower_scheme, host, domain, normalise_path(path), query.decode("latin-1"), lower_scheme in _WEB)


_PLAIN_HOST = re.compile(r"[a-z0-9_-]{1,63}+(?:\.[a-z0-9_-]{1,63}+)*+")


def normalise_host(text: str) -> str | None:
    """A host (name, IPv4, or IPv6 in brackets; no port) lower-case, IDN as punycode, without trailing dot, or None."""
    if text.startswith("["):
        return _normalise_ipv6(text)
    if "%" in text:
        text = urllib.parse.unquote(text)
    host = (text.lower() if text.isascii() else _punycode(text)).removesuffix(".")
    return host if len(host) <= 253 and _PLAIN_HOST.fullmatch(host) else None


def _normalise_ipv6(text: str) -> str | None:
    if not text.endswith("]") or "%" in text:  # a zone is only valid on its own machine
        return None
    try:
        ip = ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return None
    # Python 3.13 writes ::ffff:1.2.3.4, older versions and browsers write ::ffff:102:304.
    low = int(ip) & 0xFFFFFFFF
    return f"[::ffff:{low >> 16:x}:{low & 0xFFFF:x}]" if ip.ipv4_mapped else f"[{ip.compressed}]"


def _punycode(text: str) -> str:
    """`text` mapped by UTS 46, non-ASCII labels as punycode; empty if it is invalid by IDNA 2008."""
    if len(text) > 1024:  # four times the maximum length of a host; mapping takes up to 1.6 us per character
        return ""
    try:
        labels = idna.uts46_remap(text, std3_rules=False).split(".")
        return ".".join([label if label.isascii() else idna.alabel(label).decode() for label in labels])
    except UnicodeError:
        return ""


_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_ALLOWED = rb"A-Za-z0-9\-._~!$&'()*+,;=:@/"  # pchar, and the slash
_PLAIN_PATH = re.compile(rb"/[%b]*+" % _ALLOWED)
_ESCAPE_OR_INVALID = re.compile(rb"%%[0-9A-Fa-f]{2}|[^%b]" % _ALLOWED)
# Each match of `_ESCAPE_OR_INVALID` and its normal form: all bytes, and all escapes in upper and lower case.
_NORMAL = {bytes((byte,)): b"%%%02X" % byte for byte in range(256)} | {
    f"%{high}{low}".encode(): bytes((byte,)) if (byte := int(high + low, 16)) in _UNRESERVED else b"%%%02X" % byte
    for high in "0123456789abcdefABCDEF"
    for low in "0123456789abcdefABCDEF"
}


def normalise_path(raw: str | bytes) -> str:
    """A path in normal form: ASCII, starts with "/", no empty or dot segments; invalid characters are escaped."""
    path = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    # Most paths are already normal: three searches (0.6 us) are enough for them.
    if _PLAIN_PATH.fullmatch(path) and b"//" not in path and b"/." not in path:
        return path.decode()
    text = _ESCAPE_OR_INVALID.sub(lambda found: _NORMAL[found[0]], path).decode()
    return text if text[:1] == "/" and "//" not in text and "/." not in text else _resolve(text)


def normalise_query(raw: str) -> str:
    """A query or a part of one (one character per byte), with invalid characters escaped; escapes stay unchanged."""
    return _INVALID_IN_QUERY.sub(lambda found: f"%{ord(found[0]):02X}", raw)


def normalise_value(raw: str) -> str:
    """A value of a query (one character per byte), with its escapes normalised as in a path."""
    return _ESCAPE_OR_INVALID.sub(lambda found: _NORMAL[found[0]], raw.encode("latin-1")).decode()


def _resolve(path: str) -> str:
    segments = path.split("/")
    result: list[str] = []
    for segment in segments:
        if segment == "..":
            del result[-1:]
        elif segment not in ("", "."):
            result.append(segment)
    end = "/" if result and segments[-1] in ("", ".", "..") else ""
    return f"/{'/'.join(result)}{end}"
