"""Parses requests that are not events: headers, cookies and query parameters, and whether the sender is trusted."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import parse
from prisme.dashboard.words import translate
from prisme.runtime.cancellation import Cancellation
from prisme.web.cookies import parse_cookies
from prisme.web.request import MAX_QUERY, Request

_MAX_FIELDS: Final = 100


class ParsedRequest(msgspec.Struct, frozen=True):
    """Headers that come twice have their last value. `began` is when it was parsed (monotonic, seconds).

    `cancellation` ends the work for it.
    """

    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    query: Mapping[str, str]
    began: float
    cancellation: Cancellation

    @property
    def content_length(self) -> bytes:
        """The `Content-Length`, empty if there is none."""
        return self.headers.get("content-length", "").encode("latin-1")


def parse_request(request: Request) -> ParsedRequest | Refusal:
    """Parse a request; it is refused if parameters come twice, are too many or are not UTF-8."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    # HTTP/2 may split the cookies.
    cookie = "; ".join(value.decode("latin-1") for name, value in request.headers if name == b"cookie")
    query = parse_fields(request.query, MAX_QUERY)
    if isinstance(query, Refusal):
        return query
    return ParsedRequest(headers, parse_cookies(cookie), query, time.monotonic(), Cancellation())


def parse_fields(text: bytes, max_bytes: int) -> dict[str, str] | Refusal:
    """The fields of a form or a query."""
    if len(text) > max_bytes:
        return refusal.QUERY_TOO_LONG
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        return refusal.QUESTION_INVALID.with_reason("parameters must be UTF-8, and at most 100, such as from=now-7d")
    ((name, count),) = Counter(name for name, _ in pairs).most_common(1) or [("", 0)]
    if count > 1:
        return refusal.QUESTION_INVALID.with_reason(
            translate("{name!r}: is given twice: write a list with commas, such as path=/a,/b", name=name[:64])
        )
    return dict(pairs)


def is_same_origin(parsed: ParsedRequest) -> bool:
    """Whether a request that changes something comes from a page of this server, or from no page at all.

    By Fetch metadata if the browser sends it, otherwise by `Origin` against `Host`
    (https://words.filippo.io/csrf/ compares the ways).
    """
    site = parsed.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = parsed.headers.get("origin")
    if origin is None:
        return True
    page = parse(origin.encode("latin-1"))
    # HTTP/2 has no Host header but an authority, which Granian puts there.
    host = parse(b"http://" + parsed.headers.get("host", "").encode("latin-1"))
    return page is not None and host is not None and page.domain == host.domain


def is_secure(request: Request, parsed: ParsedRequest) -> bool:
    """Whether the browser uses TLS: with this server, with a trusted proxy, or according to its `Origin`."""
    forwarded = parsed.headers.get("x-forwarded-proto", "") if request.has_trusted_headers else ""
    is_https_page = parsed.headers.get("origin", "").startswith("https:")
    return "https" in {request.scheme, forwarded.strip().lower()} or is_https_page
