"""Serves the scripts, the icons and robots.txt: each response is built once, at the start; requests only select one."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple

from prisme import assets
from prisme.web.content_coding import CODINGS, MAX_ACCEPT_BYTES, choose_coding
from prisme.web.request import Request
from prisme.web.responses import CORS, INERT, Header, Response, make_response, matches
from prisme.web.routing import Endpoint, Methods

STATIC: Final = "/static/"
TRACKING_JS, DASHBOARD_JS = "wa.js", "dashboard.js"

_SUFFIXES = dict(zip(CODINGS, (".br", ".gz", ""), strict=True))
_HEADERS: list[Header] = [
    CORS,
    # A visitor's browser requests it once a day at most, and a new version has reached everybody after a day.
    (b"cache-control", b"public, max-age=86400"),
    (b"vary", b"accept-encoding"),
    *INERT,
    # Pages with `Cross-Origin-Embedder-Policy` load a script of another origin only with this header.
    (b"cross-origin-resource-policy", b"cross-origin"),
]
_DAY: list[Header] = [(b"cache-control", b"public, max-age=86400"), *INERT]
# Prisme has nothing for search engines. They request it at the root of a host alone.
_ROBOTS = b"User-agent: *\nDisallow: /\n"
# With `MAX_ACCEPT_BYTES`, the cache stays below 16 kB.
_CACHE_ENTRIES = 64


class _Coded(NamedTuple):
    """A file in one content coding: its `ETag`, and the responses to GET and HEAD; `not_modified` is the 304."""

    etag: bytes
    get: Response
    head: Response
    not_modified: Response


# Is given the `Referer` of each request.
Note = Callable[[bytes], None]


def routes(note: Note) -> dict[str, Methods]:
    """The tracking script, of which each request is noted, the dashboard's script, the icons, and robots.txt."""
    return {
        STATIC + TRACKING_JS: _script_methods(TRACKING_JS, note),
        STATIC + DASHBOARD_JS: _script_methods(DASHBOARD_JS, lambda _: None),
        f"{STATIC}icon.svg": _fixed_methods(b"image/svg+xml", _read("icon.svg")),
        "/favicon.ico": _fixed_methods(b"image/x-icon", _read("favicon.ico")),
        "/robots.txt": _fixed_methods(b"text/plain; charset=utf-8", _ROBOTS),
    }


def script_url(name: str) -> str:
    """The path of a script with a hash of its content, so that browsers request it again once it has changed."""
    return f"{STATIC}{name}?v={hashlib.blake2b(_read(name), digest_size=8).hexdigest()}"


def _fixed_methods(content_type: bytes, body: bytes) -> Methods:
    """`GET` of what is small and the same for everybody."""
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *_DAY]
    response = make_response(200, headers, body)
    return {"GET": lambda _: response}


def _script_methods(name: str, note: Note) -> Methods:
    """`GET` and `HEAD` of a script among the assets."""
    coded = {coding: _code(coding, f"{name}{suffix}") for coding, suffix in _SUFFIXES.items()}
    choose = lru_cache(_CACHE_ENTRIES)(choose_coding)

    def make_endpoint(select: Callable[[_Coded], Response]) -> Endpoint:
        def endpoint(request: Request) -> Response:
            accepted = known = referer = b""
            for name, value in request.headers:
                if name == b"accept-encoding":
                    accepted = accepted + b"," + value if accepted else value
                elif name == b"if-none-match":
                    known = known + b"," + value if known else value
                elif name == b"referer":
                    referer = value
            note(referer)
            chosen = coded[choose(accepted) if len(accepted) <= MAX_ACCEPT_BYTES else b"identity"]
            return chosen.not_modified if known and matches(chosen.etag, known) else select(chosen)

        return endpoint

    return {"GET": make_endpoint(lambda chosen: chosen.get), "HEAD": make_endpoint(lambda chosen: chosen.head)}


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
