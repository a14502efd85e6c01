"""The response to requests for unknown paths: a page for browsers, text for programs."""

from functools import cache
from typing import Final

from prisme.base import refusal
from prisme.dashboard.url_state import DASHBOARD
from prisme.dashboard.words import translate
from prisme.web.pages.templates import Templates
from prisme.web.request import Request
from prisme.web.responses import Response, cut_body, refuse
from prisme.web.routing import Endpoint, refuse_unknown

_API: Final = b"/api/"


def endpoint(templates: Templates) -> Endpoint:
    """The page is rendered once, as it is the same for everybody, and for the first who needs it."""

    @cache
    def render() -> Response:
        values = {
            "title": translate("Page not found"),
            "text": translate("There is no page at this address."),
            "home": DASHBOARD,
        }
        return templates.render("message", values, refusal.NOT_FOUND.status)

    def answer(request: Request) -> Response:
        if not _is_from_browser(request) or _API in request.path:
            return refuse_unknown(request)
        page = refuse(request, refusal.NOT_FOUND, of_events=False, instead=render())
        return cut_body(page) if request.method == "HEAD" else page

    return answer


def _is_from_browser(request: Request) -> bool:
    """Whether somebody opens the address as a page."""
    accepted = b",".join(value for name, value in request.headers if name == b"accept")
    return request.method in {"GET", "HEAD"} and b"text/html" in accepted.lower()
