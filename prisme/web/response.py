"""Answers: two ASGI messages each, built once where they never change."""

from typing import Any

from prisme.assets import GIF
from prisme.base.refusal import Refusal

Message = dict[str, Any]
Answer = tuple[Message, Message]
Headers = list[tuple[bytes, bytes]]

CORS = (b"access-control-allow-origin", b"*")
_GIF_HEADERS = [
    CORS,
    (b"content-type", b"image/gif"),
    (b"cache-control", b"no-store, no-cache, max-age=0, must-revalidate, proxy-revalidate"),
]
_TEXT_HEADERS = [CORS, (b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
# So that a page's own code may read why.
_EXPOSE = (b"access-control-expose-headers", b"X-Prisme-Error, X-Prisme-Request-Id, Retry-After")
_DAY = b"86400"


def answer(status: int, headers: Headers, body: bytes = b"") -> Answer:
    """The messages of one answer."""
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


ACCEPTED = answer(200, [CORS])
ACCEPTED_GIF = answer(200, _GIF_HEADERS, GIF)
HEALTHY = answer(200, _TEXT_HEADERS, b"ok\n")


def unhealthy(reason: str) -> Answer:
    """503 with the reason as text."""
    return answer(503, _TEXT_HEADERS, f"{reason}\n".encode())


def refused(refusal: Refusal, request_id: bytes, *, gif: bool, more: Headers | None = None) -> Answer:
    """A refusal with its reason: as text, or with the GIF, so that no page shows a broken image."""
    headers = [
        *(_GIF_HEADERS if gif else _TEXT_HEADERS),
        _EXPOSE,
        (b"x-prisme-error", refusal.reason.encode()),
        (b"x-prisme-request-id", request_id),
    ]
    if refusal.retry_after:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if more:
        headers.extend(more)
    return answer(refusal.status, headers, GIF if gif else f"{refusal.reason}\n".encode())


def preflight(methods: bytes, requested_headers: bytes) -> Answer:
    """What a browser asks before it sends: yes, with the headers that it named, for a day."""
    headers = [CORS, (b"access-control-allow-methods", methods), (b"access-control-max-age", _DAY)]
    if requested_headers:
        headers.append((b"access-control-allow-headers", requested_headers))
    return answer(204, headers)
