"""HTML for people: templates to answers, with the headers that keep a page to itself. It decides nothing."""

import base64
import hashlib
import re
from importlib import resources
from typing import Any, Final

import jinja2

from prisme import assets
from prisme.base.refusal import Refusal
from prisme.dashboard.display import decode_host
from prisme.web.request import Request
from prisme.web.responses import NOSNIFF, Header, Response, make_response, refuse

_FOLDER: Final = resources.files(assets) / "pages"


class Pages:
    """All pages. A page loads nothing but the one script of ours: its style is in it, and named by its hash.

    `script` is that script's version.
    """

    def __init__(self, script: str) -> None:
        self.script = script
        style = _squeeze((_FOLDER / "style.css").read_text())
        self._templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: (_FOLDER / name).read_text()),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["style"] = style
        self._templates.filters["host"] = decode_host
        named = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        own = f"style-src 'sha256-{named}'; script-src 'self'; connect-src 'self'; form-action 'self'"
        policy = f"default-src 'none'; {own}; base-uri 'none'; frame-ancestors 'none'"
        self._headers: list[Header] = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"private, no-store"),
            (b"content-security-policy", policy.encode()),
            (b"referrer-policy", b"same-origin"),
            NOSNIFF,
        ]

    def show(self, name: str, values: dict[str, Any], status: int = 200, more: list[Header] | None = None) -> Response:
        """A page by its template's name."""
        text = self._templates.get_template(f"{name}.html").render(values)
        return make_response(status, [*self._headers, *(more or [])], text.encode("utf-8", "replace"))


def _squeeze(style: str) -> str:
    """A style sheet without the spaces that only its readers need."""
    return re.sub(r"\s*\n\s*", "", re.sub(r"\s*([{};,])\s*", r"\1", style))


def lead(path: str, more: list[Header] | None = None) -> Response:
    """303: look there next."""
    return make_response(303, [(b"location", path.encode()), (b"cache-control", b"no-store"), *(more or [])])


def tell(pages: Pages, request: Request, why: Refusal) -> Response:
    """A refusal as a page."""
    start, _ = refuse(request, why, of_events=False)
    kept = [(name, value) for name, value in start["headers"] if name.startswith((b"x-prisme", b"retry"))]
    return pages.show("message", {"title": "Error", "text": why.reason}, why.status, kept)
