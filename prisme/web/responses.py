"""Responses: two ASGI messages each, built once where they never change."""

import html
from collections.abc import Sequence
from typing import Any

from prisme.assets import GIF
from prisme.base.refusal import Refusal
from prisme.base.uri import parse
from prisme.web.request import Request

Message = dict[str, Any]
Response = tuple[Message, Message]
Header = tuple[bytes, bytes]

EVENTS = "/api/v1/events/"
NOSCRIPT = "/api/v1/noscript/"
_NOSCRIPT_PATH = NOSCRIPT.encode()  # perhaps after a base path
CORS = (b"access-control-allow-origin", b"*")
NOSNIFF = (b"x-content-type-options", b"nosniff")
# For what is no page: opened as one, it is what it says, does nothing, stands in no frame, and tells nobody its URL.
INERT: list[Header] = [
    NOSNIFF,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
_GIF_HEADERS = [
    CORS,
    *INERT,
    (b"content-type", b"image/gif"),
    (b"cache-control", b"no-store, no-cache, max-age=0, must-revalidate, proxy-revalidate"),
]
_OWN_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"), *INERT]
_TEXT_HEADERS = [CORS, *_OWN_HEADERS]
_PAGE_HEADERS = [CORS, *INERT, (b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
_INTERSTITIAL = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>Leaving for {host}</title></head>
<body><p>This link leads to <b>{host}</b>.</p>
<p><a href="{url}" rel="noreferrer nofollow">Continue to {host}</a></p></body></html>
"""
# So that a page's own code may read why.
_EXPOSE = (b"access-control-expose-headers", b"X-Prisme-Error, X-Prisme-Request-Id, Retry-After")
_DAY = b"86400"


def make_response(status: int, headers: list[Header], body: bytes = b"") -> Response:
    """The two messages of a response."""
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def matches(etag: bytes, known: bytes) -> bool:
    """Whether an `If-None-Match` contains the `ETag`, which a proxy may have marked as weak."""
    return any(tag.strip().removeprefix(b"W/") in {etag, b"*"} for tag in known.split(b","))


ACCEPTED = make_response(200, [CORS])
ACCEPTED_GIF = make_response(200, _GIF_HEADERS, GIF)
HEALTHY = make_response(200, _TEXT_HEADERS, b"ok\n")


def health(failure: str | None) -> Response:
    """200, or 503 with the reason as text."""
    return HEALTHY if failure is None else make_response(503, _TEXT_HEADERS, f"{failure}\n".encode())


def refuse(
    request: Request,
    why: Refusal,
    more: Sequence[Header] = (),
    *,
    of_events: bool = True,
    instead: Response | None = None,
) -> Response:
    """A refusal with its reason: as text, or with the GIF, so that no page shows a broken image.

    It is set on the request, where metrics and log find it. Pages of other sites may read it where it is `of_events`.
    A response that is sent `instead`, such as a redirect, has the reason in its headers.
    """
    request.refusal = why
    headers = [
        *([_EXPOSE] if of_events else []),
        (b"x-prisme-error", why.reason.encode("ascii", "replace")),
        (b"x-prisme-request-id", request.id.encode("latin-1")),
        *more,
    ]
    if why.retry_after:
        headers.append((b"retry-after", b"%d" % why.retry_after))
    if why.status == 413:
        # The rest of the body is not read, so that nothing else can come over this connection (RFC 9110, 15.5.14).
        headers.append((b"connection", b"close"))
    if why.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="prisme"'))
    if instead is not None:
        start, body = instead
        return start | {"headers": [*start["headers"], *headers]}, body
    if _NOSCRIPT_PATH in request.path:
        return make_response(why.status, [*_GIF_HEADERS, *headers], GIF)
    text = f"{why.reason}\n".encode("utf-8", "replace")
    return make_response(why.status, [*(_TEXT_HEADERS if of_events else _OWN_HEADERS), *headers], text)


def cut_body(whole: Response) -> Response:
    """The response to `HEAD` where `GET` gets `whole`: the same headers, and the length of its body."""
    start, body = whole
    headers: list[Header] = start["headers"]
    # A response that never has a body has no length either (RFC 9110, section 8.6).
    if start["status"] not in {204, 304} and not any(name == b"content-length" for name, _ in headers):
        headers = [*headers, (b"content-length", b"%d" % len(body["body"]))]
    return make_response(start["status"], headers)


def redirect(location: bytes) -> Response:
    """302 to the link. No cache may store it: each click counts."""
    return make_response(302, [CORS, (b"location", location), (b"cache-control", b"no-store")])


def interstitial(link: bytes) -> Response:
    """A page that names where a link leads and goes there by a click: a redirect would serve strangers."""
    url = html.escape(link.decode("utf-8", "replace"))
    read = parse(link)
    host = html.escape(read.domain if read else "")
    page = _INTERSTITIAL.format(url=url, host=host)
    return make_response(200, _PAGE_HEADERS, page.encode())


def preflight(methods: bytes, requested_headers: bytes) -> Response:
    """The response to a CORS preflight request: all headers that it names are allowed, for a day."""
    headers = [CORS, (b"access-control-allow-methods", methods), (b"access-control-max-age", _DAY)]
    if requested_headers:
        headers.append((b"access-control-allow-headers", requested_headers))
    return make_response(204, headers)
