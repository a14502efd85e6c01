"""Absolute URLs in one normal form, so that a page has one path and a site one host, however a client writes them.

The form is RFC 3986's (section 6.2.2: case, percent-encoding, dot segments), with runs of "/" collapsed first.
Bad input is None, never an exception.
"""

import ipaddress
import re
import urllib.parse

import idna
import msgspec

MAX_BYTES = 8192

# What cannot stand in a query (RFC 3986 section 3.4): it is escaped byte by byte. Escapes stay as they are.
_ODD_IN_QUERY = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")

_WEB = frozenset(("http", "https"))


class Uri(msgspec.Struct, frozen=True, gc=False):
    """`host` is lower-case, IDN as punycode, IPv6 compressed in brackets; `domain` adds the port, where one is given.

    `path` is normal, ASCII, and starts with "/"; `query` is raw, one character per byte (latin-1), without "?".
    """

    scheme: str
    host: str
    domain: str
    path: str
    query: str
    is_web: bool  # `http` or `https`: only these can be a page or a link to follow

    def __str__(self) -> str:
        """The URL in normal form, without user info and fragment."""
        query = normalise_query(self.query)
        return f"{self.scheme}://{self.domain}{self.path}" + (f"?{query}" if query else "")


# The parts of RFC 3986 section 3. Control characters fit nowhere, so they need no scan of their own. A backslash ends a
# host for browsers and belongs to the user info for others: no authority may hold one, so nobody reads another host.
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

    None is what is not `scheme://host...`, is over `MAX_BYTES`, or holds a control character. Spaces around are cut.
    """
    if len(raw) > MAX_BYTES:
        return None
    parts = _PARTS.fullmatch(raw.strip(b" "))
    if parts is None:
        return None
    scheme, name, port, path, query = parts.groups(b"")
    host = normalise_host(name.decode("utf-8", "replace"))  # U+FFFD is in no host
    if host is None:
        return None
    domain = host
    if port:
        digits = port.lstrip(b"0") or b"0"
        if len(digits) > 5 or int(digits) > 65535:  # int() of any number of digits would be slow, or raise
            return None
        domain = f"{host}:{digits.decode()}"
    kind = scheme.decode().lower()
    return Uri(kind, host, domain, normalise_path(path), query.decode("latin-1"), kind in _WEB)


_PLAIN_HOST = re.compile(r"[a-z0-9_-]{1,63}+(?:\.[a-z0-9_-]{1,63}+)*+")


def normalise_host(text: str) -> str | None:
    """A host (name, IPv4, IPv6 in brackets; no port) lower-case, IDN as punycode, without the root's dot, or None."""
    if text.startswith("["):
        return _normalise_ipv6(text)
    if "%" in text:
        text = urllib.parse.unquote(text)
    host = (text.lower() if text.isascii() else _punycode(text)).removesuffix(".")
    return host if len(host) <= 253 and _PLAIN_HOST.fullmatch(host) else None


def _normalise_ipv6(text: str) -> str | None:
    if not text.endswith("]") or "%" in text:  # a zone means nothing on another machine
        return None
    try:
        ip = ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return None
    # Python 3.13 writes ::ffff:1.2.3.4 where older ones write ::ffff:102:304, as browsers do.
    low = int(ip) & 0xFFFFFFFF
    return f"[::ffff:{low >> 16:x}:{low & 0xFFFF:x}]" if ip.ipv4_mapped else f"[{ip.compressed}]"


def _punycode(text: str) -> str:
    """`text` mapped by UTS 46, its non-ASCII labels as punycode; empty, which is no host, where IDNA 2008 has none."""
    if len(text) > 1024:  # four times what a host can be; mapping takes up to 1.6 us a character
        return ""
    try:
        labels = idna.uts46_remap(text, std3_rules=False).split(".")
        return ".".join([label if label.isascii() else idna.alabel(label).decode() for label in labels])
    except UnicodeError:
        return ""


_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_STANDING = rb"A-Za-z0-9\-._~!$&'()*+,;=:@/"  # pchar, and the slash
_PLAIN_PATH = re.compile(rb"/[%b]*+" % _STANDING)
_ODD = re.compile(rb"%%[0-9A-Fa-f]{2}|[^%b]" % _STANDING)
# What `_ODD` finds, and its normal form: every byte that cannot stand, every escape in either case of its digits.
_NORMAL = {bytes((byte,)): b"%%%02X" % byte for byte in range(256)} | {
    f"%{high}{low}".encode(): bytes((byte,)) if (byte := int(high + low, 16)) in _UNRESERVED else b"%%%02X" % byte
    for high in "0123456789abcdefABCDEF"
    for low in "0123456789abcdefABCDEF"
}


def normalise_path(raw: str | bytes) -> str:
    """A path in normal form: ASCII, starts with "/", no empty and no dot segments; what cannot stand is escaped."""
    path = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    # Most paths are plain, and three searches (0.6 us) are all they pay.
    if _PLAIN_PATH.fullmatch(path) and b"//" not in path and b"/." not in path:
        return path.decode()
    text = _ODD.sub(lambda odd: _NORMAL[odd[0]], path).decode()
    return text if text[:1] == "/" and "//" not in text and "/." not in text else _resolve(text)


def normalise_query(raw: str) -> str:
    """A query, or a part of one (one character per byte): what cannot stand is escaped, escapes stay as they are."""
    return _ODD_IN_QUERY.sub(lambda odd: f"%{ord(odd[0]):02X}", raw)


def normalise_value(raw: str) -> str:
    """One value of a query (one character per byte) in the normal form of escapes, as a path has them."""
    return _ODD.sub(lambda odd: _NORMAL[odd[0]], raw.encode("latin-1")).decode()


def _resolve(path: str) -> str:
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if kept and segments[-1] in ("", ".", "..") else ""
    return f"/{'/'.join(kept)}{end}"
