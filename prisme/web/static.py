"""Serves the scripts: each response is built once, at the start, and requests only select one."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from prisme import assets
from prisme.web.request import Request
from prisme.web.responses import CORS, INERT, Header, Response, make_response
from prisme.web.routing import Endpoint

TRACKING_JS, DASHBOARD_JS = "wa.js", "dashboard.js"
SCRIPT, DASHBOARD_SCRIPT = f"/static/{TRACKING_JS}", f"/static/{DASHBOARD_JS}"

# Content codings, the smallest first, and the suffix of the file. A client without a preference gets the first.
_SUFFIXES = {b"br": ".br", b"gzip": ".gz", b"identity": ""}
# Identity is acceptable unless it is refused, but less than codings that are named (RFC 9110, section 12.5.3).
_UNNAMED = {b"identity": 0.0001}
_HEADERS: list[Header] = [
    CORS,
    # A visitor's browser requests it once a day at most, and a new version has reached everybody after a day.
    (b"cache-control", b"public, max-age=86400"),
    (b"vary", b"accept-encoding"),
    *INERT,
    # Pages with `Cross-Origin-Embedder-Policy` load a script of another origin only with this header.
    (b"cross-origin-resource-policy", b"cross-origin"),
]
# Browsers send some 30 bytes of `Accept-Encoding`. Above 128, there is no coding, so the cache stays below 16 kB.
_MAX_ACCEPT_BYTES = 128
_CACHE_ENTRIES = 64


class _Coded(NamedTuple):
    """A file in one content coding: its `ETag`, and the responses to GET and HEAD; `not_modified` is the 304."""

    etag: bytes
    get: Response
    head: Response
    not_modified: Response


def version(name: str) -> str:
    """A hash of a file among the assets, for its URL."""
    return hashlib.blake2b(_read(name), digest_size=8).hexdigest()


def script(name: str) -> dict[str, Endpoint]:
    """`GET` and `HEAD` of a script among the assets, such as `wa.js`."""
    coded = {coding: _code(coding, f"{name}{suffix}") for coding, suffix in _SUFFIXES.items()}
    choose = lru_cache(_CACHE_ENTRIES)(choose_coding)

    def endpoint(select: Callable[[_Coded], Response]) -> Endpoint:
        def read(request: Request) -> Response:
            accepted = known = b""
            for name, value in request.headers:
                if name == b"accept-encoding":
                    accepted = accepted + b"," + value if accepted else value
                elif name == b"if-none-match":
                    known = known + b"," + value if known else value
            chosen = coded[choose(accepted) if len(accepted) <= _MAX_ACCEPT_BYTES else b"identity"]
            return chosen.not_modified if known and matches(chosen.etag, known) else select(chosen)

        return read

    return {"GET": endpoint(lambda chosen: chosen.get), "HEAD": endpoint(lambda chosen: chosen.head)}


def choose_coding(accepted: bytes) -> bytes:
    """The coding that an `Accept-Encoding` prefers: `br`, `gzip` or `identity`."""
    weights: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        coding, _, parameter = part.partition(b";")
        name, _, weight = parameter.partition(b"=")
        weights[coding.strip()] = _weigh(weight) if name.strip() == b"q" else 1.0
    other = weights.get(b"*", 0.0)
    best = max(_SUFFIXES, key=lambda coding: weights.get(coding, _UNNAMED.get(coding, other)))
    # If every coding is refused, the file is sent all the same: 406 would help nobody.
    return best if weights.get(best, other) > 0 else b"identity"


def matches(etag: bytes, known: bytes) -> bool:
    """Whether an `If-None-Match` contains the `ETag`, which a proxy may have marked as weak."""
    return any(tag.strip().removeprefix(b"W/") in {etag, b"*"} for tag in known.split(b","))


def _weigh(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _read(name: str) -> bytes:
    return resources.files(assets).joinpath(name).read_bytes()


def _code(coding: bytes, name: str) -> _Coded:
    body = _read(name)
    etag = b'"%s"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()
    headers = [*_HEADERS, (b"etag", etag)]
    body_headers = [(b"content-type", b"text/javascript; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if coding != b"identity":
        body_headers.append((b"content-encoding", coding))
    return _Coded(
        etag,
        make_response(200, [*headers, *body_headers], body),
        make_response(200, [*headers, *body_headers]),
        make_response(304, headers),
    )
