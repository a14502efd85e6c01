"""Pages as HTML: renders templates, with headers that let a page load nothing from other servers."""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from prisme import assets
from prisme.base.refusal import Refusal
from prisme.dashboard.dates import format_moment
from prisme.dashboard.display import decode_host
from prisme.dashboard.words import TRANSLATIONS, explain_refusal, translate
from prisme.web.request import Request
from prisme.web.responses import NOSNIFF, Header, Response, make_response, refuse

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER: Final = resources.files(assets) / "pages"
# The files of `style/` in their order: a later rule overrides an earlier one.
_STYLES: Final = (
    "base", "frame", "controls", "tiles", "chart", "lists", "row", "map", "week", "health", "sites", "settings",
    "screens", "goals", "sql", "print",
)  # fmt: skip


_FRAMES: Final = "frame-ancestors "
_NO_FRAMES: Final = f"{_FRAMES}'none'".encode()


class Templates:
    """All templates. A page loads one script of this server, `script_url`; its style is inline, allowed by its hash.

    `root` is the path that all paths of this server follow, empty for none.
    """

    def __init__(self, script_url: str, root: str = "") -> None:
        self.root = root
        style = _minify("".join((_FOLDER / "style" / f"{name}.css").read_text() for name in _STYLES))
        self._globals = {"style": style, "script": root + script_url, "root": root}
        style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        own = "; ".join(f"{kind} 'self'" for kind in ("script-src", "img-src", "connect-src", "form-action"))
        policy = f"default-src 'none'; style-src 'sha256-{style_hash}'; {own}; base-uri 'none'; {_NO_FRAMES.decode()}"
        self._headers: list[Header] = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"private, no-store"),
            (b"content-security-policy", policy.encode()),
            (b"referrer-policy", b"same-origin"),
            NOSNIFF,
        ]

    def render(
        self, name: str, values: dict[str, Any], status: int = 200, headers: list[Header] | None = None
    ) -> Response:
        """The response with a page, by its template's name."""
        text = self._environment.get_template(f"{name}.html").render(values)
        return make_response(status, [*self._headers, *(headers or [])], text.encode("utf-8", "replace"))

    @cached_property
    def _environment(self) -> "Environment":
        """Made for the first page: until then, a server needs no Jinja. Two threads may make one each."""
        import jinja2

        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: (_FOLDER / name).read_text()),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        # Only literals are marked in templates: what stands in their place is no user's text.
        environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
            TRANSLATIONS.gettext, TRANSLATIONS.ngettext, newstyle=True
        )
        environment.globals |= self._globals
        environment.filters["host"] = decode_host
        return environment


def format_time(seconds: int | None) -> str:
    """A moment in Unix seconds for people, in UTC; `Never` for None."""
    if seconds is None:
        return translate("Never")
    return translate("{time} UTC", time=format_moment(datetime.fromtimestamp(seconds, UTC)))


def see_other(path: str, headers: list[Header] | None = None) -> Response:
    """A redirect to another page, which the browser requests with GET (303). The path is one below the root."""
    return make_response(303, [(b"location", path.encode()), (b"cache-control", b"no-store"), *(headers or [])])


def make_public(response: Response, frames: Sequence[str]) -> Response:
    """A page for everybody: search engines leave it out, and pages of the sources `frames` may show it in a frame."""
    start, body = response
    ancestors = f"{_FRAMES}{' '.join(frames)}".encode() if frames else _NO_FRAMES
    headers = [
        (name, value.replace(_NO_FRAMES, ancestors) if name == b"content-security-policy" else value)
        for name, value in start["headers"]
    ]
    return start | {"headers": [*headers, (b"x-robots-tag", b"noindex")]}, body


def put_below(root: str, response: Response) -> Response:
    """The response of a page whose redirects and cookies are for paths below `root`."""
    if not root:
        return response
    start, body = response
    return start | {"headers": [_put_header_below(root.encode(), *header) for header in start["headers"]]}, body


def _put_header_below(root: bytes, name: bytes, value: bytes) -> Header:
    if name == b"location":
        return name, root + value
    return name, value.replace(b"; Path=/", b"; Path=" + root + b"/") if name == b"set-cookie" else value


def error_page(templates: Templates, request: Request, why: Refusal, home: str = "/dashboard") -> Response:
    """A refusal as a page; `home` is the path below the root that it leads on to."""
    values = {"title": translate("Error"), "text": explain_refusal(why), "home": home}
    return templates.render("message", values, why.status, refusal_headers(request, why))


def refusal_headers(request: Request, why: Refusal) -> list[Header]:
    """The headers of a page that shows a refusal, which is set on the request."""
    start, _ = refuse(request, why, of_events=False)
    return [(name, value) for name, value in start["headers"] if name.startswith((b"x-prisme", b"retry"))]


def _minify(style: str) -> str:
    """A style sheet without the white space that browsers do not need."""
    return re.sub(r"\s*\n\s*", "", re.sub(r"\s*([{};,])\s*", r"\1", style))
