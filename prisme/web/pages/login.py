"""Pages to log in and to log out."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import unquote

import msgspec

from prisme.access.browsers import Browsers
from prisme.access.grants import Grant
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain_refusal
from prisme.web.authentication import Authenticator
from prisme.web.cookies import LOGIN_COOKIE, known_cookie, login_cookies, make_cookie
from prisme.web.pages.endpoints import PageDeps, PageRequest, async_form_endpoint, form_endpoint, page_endpoint
from prisme.web.pages.templates import see_other
from prisme.web.password_check import PasswordChecker, browser_limits, retry_after_header, stranger_limits
from prisme.web.responses import Header, Response
from prisme.web.routing import Methods

_MAX_NEXT: Final = 8192


class LoginDeps(msgspec.Struct, frozen=True):
    """What these pages need."""

    page: PageDeps
    authenticator: Authenticator
    passwords: PasswordChecker
    browsers: Browsers


def routes(deps: LoginDeps) -> dict[str, Methods]:
    """The pages to log in and out."""
    return {
        "/login": {
            "GET": page_endpoint(deps.page, partial(_show_form, deps)),
            "POST": async_form_endpoint(deps.page, partial(_log_in, deps)),
        },
        "/logout": {"POST": form_endpoint(deps.page, partial(_log_out, deps))},
    }


def _show_form(deps: LoginDeps, request: PageRequest) -> Response:
    next_path = _read_next(request.parsed.query)
    if isinstance(request.grant, Grant):
        return see_other(next_path)
    values = {"fault": "", "name": "", "next": next_path, "empty": not deps.authenticator.accounts.has_any()}
    return deps.page.templates.render("login", values)


async def _log_in(deps: LoginDeps, request: PageRequest) -> Response | Refusal:
    name = request.fields.get("name", "").strip().lower()[:64]
    browser = request.parsed.cookies.get(known_cookie(name), "")
    known = await _is_known(deps, name, browser)
    if isinstance(known, Refusal):
        return known
    limits = browser_limits(browser) if known else stranger_limits(request.address, f"account {name}")
    pool = deps.passwords.known if known else deps.passwords.strangers
    cookies = await deps.passwords.check(limits, lambda: _make_login(deps, request, name, browser), pool)
    if isinstance(cookies, Refusal):
        values = {"fault": explain_refusal(cookies), "name": name, "next": _read_next(request.fields), "empty": False}
        return deps.page.templates.render("login", values, cookies.status, retry_after_header(cookies))
    return see_other(_read_next(request.fields), cookies)


async def _is_known(deps: LoginDeps, name: str, browser: str) -> bool | Refusal:
    """Whether the browser with this key has logged in to the account before."""
    if not browser:
        return False
    return await deps.passwords.lookups.run(lambda: deps.browsers.is_known(name, browser, deps.authenticator.clock()))


def _make_login(deps: LoginDeps, request: PageRequest, name: str, browser: str) -> list[Header] | None:
    """The cookies of a new log-in, None for a wrong password."""
    now = deps.authenticator.clock()
    login = deps.authenticator.accounts.log_in(name, request.fields.get("password", ""), now)
    if login is None:
        return None
    return login_cookies(name, login, deps.browsers.remember(name, browser, now), secure=request.secure)


def _log_out(deps: LoginDeps, request: PageRequest) -> Response:
    deps.authenticator.accounts.log_out(request.parsed.cookies.get(LOGIN_COOKIE, ""), deps.authenticator.clock())
    return see_other("/login", [make_cookie(LOGIN_COOKIE, "", 0, secure=request.secure)])


def _read_next(fields: Mapping[str, str]) -> str:
    """The page to go to after the log-in, which is always one of this server."""
    path = fields.get("next", "")
    # A browser reads a backslash as a slash, // as another host, and goes up at dots, which would leave a base path.
    segments = re.split(r"[/\\]", re.split("[?#]", path)[0])
    has_dots = any(unquote(segment) in {".", ".."} for segment in segments)
    if path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isascii() and path.isprintable() and not has_dots:
        return path[:_MAX_NEXT]
    return "/"
