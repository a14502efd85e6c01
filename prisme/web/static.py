"""The scripts over HTTP: each answer is built once, a request only picks. Builds and minifies nothing."""

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

# What a browser may ask for, the smallest first, and where it lies. A client that has no preference gets the first.
_SUFFIXES = {b"br": ".br", b"gzip": ".gz", b"identity": ""}
# Identity is welcome where it is not refused, but less than what is asked for by name (RFC 9110, section 12.5.3).
_UNNAMED = {b"identity": 0.0001}
_HEADERS: list[Header] = [
    CORS,
    # A visitor's browser asks once a day at most, and a new version has reached everybody after that day.
    (b"cache-control", b"public, max-age=86400"),
    (b"vary", b"accept-encoding"),
    *INERT,
    # Pages with `Cross-Origin-Embedder-Policy` load nothing from elsewhere that does not say so.
    (b"cross-origin-resource-policy", b"cross-origin"),
]
# The longest that browsers send is some 30 bytes. What is longer than 128 gets no coding, so the cache stays at 16 kB.
_LONGEST = 128
_REMEMBERED = 64


class _Coded(NamedTuple):
    """One content coding of a file: its validator, the whole, the headers alone, and the word that nothing changed."""

    tag: bytes
    whole: Response
    head: Response
    unchanged: Response


def version(name: str) -> str:
    """What changes when a file does, for its URL."""
    return hashlib.blake2b(_read(name), digest_size=8).hexdigest()


def script(name: str) -> dict[str, Endpoint]:
    """`GET` and `HEAD` of a script among the assets, such as `wa.js`."""
    coded = {coding: _code(coding, f"{name}{suffix}") for coding, suffix in _SUFFIXES.items()}
    pick = lru_cache(_REMEMBERED)(prefer)

    def endpoint(part: Callable[[_Coded], Response]) -> Endpoint:
        def read(request: Request) -> Response:
            accepted = known = b""
            for name, value in request.headers:
                if name == b"accept-encoding":
                    accepted = accepted + b"," + value if accepted else value
                elif name == b"if-none-match":
                    known = known + b"," + value if known else value
            picked = coded[pick(accepted) if len(accepted) <= _LONGEST else b"identity"]
            return picked.unchanged if known and is_known(picked.tag, known) else part(picked)

        return read

    return {"GET": endpoint(lambda picked: picked.whole), "HEAD": endpoint(lambda picked: picked.head)}


def prefer(accepted: bytes) -> bytes:
    """The coding that an `Accept-Encoding` likes best: `br`, `gzip` or `identity`."""
    weights: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        coding, _, parameter = part.partition(b";")
        name, _, weight = parameter.partition(b"=")
        weights[coding.strip()] = _weigh(weight) if name.strip() == b"q" else 1.0
    other = weights.get(b"*", 0.0)
    best = max(_SUFFIXES, key=lambda coding: weights.get(coding, _UNNAMED.get(coding, other)))
    # Where all is refused, it is answered all the same: 406 would help nobody.
    return best if weights.get(best, other) > 0 else b"identity"


def is_known(tag: bytes, known: bytes) -> bool:
    """Whether an `If-None-Match` holds the validator; a proxy may have marked it as weak."""
    return any(one.strip().removeprefix(b"W/") in {tag, b"*"} for one in known.split(b","))


def _weigh(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _read(name: str) -> bytes:
    return resources.files(assets).joinpath(name).read_bytes()


def _code(coding: bytes, name: str) -> _Coded:
    body = _read(name)
    tag = b'"%s"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()
    headers = [*_HEADERS, (b"etag", tag)]
    of_body = [(b"content-type", b"text/javascript; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if coding != b"identity":
        of_body.append((b"content-encoding", coding))
    return _Coded(
        tag,
        make_response(200, [*headers, *of_body], body),
        make_response(200, [*headers, *of_body]),
        make_response(304, headers),
    )
