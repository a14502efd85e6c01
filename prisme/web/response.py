"""Answers: two ASGI messages each, built once where they never change."""

from collections.abc import Sequence
from typing import Any

from prisme.assets import GIF
from prisme.base.refusal import Refusal
from prisme.web.request import Proxy, Scope

Message = dict[str, Any]
Answer = tuple[Message, Message]
Header = tuple[bytes, bytes]

EVENTS = "/api/v1/events/"
NOSCRIPT = b"/api/v1/noscript/"
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
# So that a page's own code may read why.
_EXPOSE = (b"access-control-expose-headers", b"X-Prisme-Error, X-Prisme-Request-Id, Retry-After")
_DAY = b"86400"


def answer(status: int, headers: list[Header], body: bytes = b"") -> Answer:
    """The messages of one answer."""
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


ACCEPTED = answer(200, [CORS])
ACCEPTED_GIF = answer(200, _GIF_HEADERS, GIF)
HEALTHY = answer(200, _TEXT_HEADERS, b"ok\n")


def health(failure: str | None) -> Answer:
    """200, or 503 with the reason as text."""
    return HEALTHY if failure is None else answer(503, _TEXT_HEADERS, f"{failure}\n".encode())


def refuse(proxy: Proxy, scope: Scope, why: Refusal, more: Sequence[Header] = (), *, of_events: bool = True) -> Answer:
    """A refusal with its reason: as text, or with the GIF, so that no page shows a broken image.

    Metrics and log read of it in the scope. Pages of other sites may read it where it is `of_events`.
    """
    scope["refusal"] = why
    gif = scope["raw_path"].startswith(NOSCRIPT)
    headers = [
        *(_GIF_HEADERS if gif else _TEXT_HEADERS if of_events else _OWN_HEADERS),
        *([_EXPOSE] if of_events else []),
        (b"x-prisme-error", why.reason.encode("ascii", "replace")),
        (b"x-prisme-request-id", proxy.request_id(scope).encode("latin-1")),
        *more,
    ]
    if why.retry_after:
        headers.append((b"retry-after", b"%d" % why.retry_after))
    if why.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="prisme"'))
    return answer(why.status, headers, GIF if gif else f"{why.reason}\n".encode("utf-8", "replace"))


def redirect(location: bytes) -> Answer:
    """302 to where a link leads. No cache may keep it: each click counts."""
    return answer(302, [CORS, (b"location", location), (b"cache-control", b"no-store")])


def preflight(methods: bytes, requested_headers: bytes) -> Answer:
    """What a browser asks before it sends: yes, with the headers that it named, for a day."""
    headers = [CORS, (b"access-control-allow-methods", methods), (b"access-control-max-age", _DAY)]
    if requested_headers:
        headers.append((b"access-control-allow-headers", requested_headers))
    return answer(204, headers)
