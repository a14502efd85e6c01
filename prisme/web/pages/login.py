"""Pages to log in and to log out."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from prisme.access import login_attempts
from prisme.access.accounts import LOGIN_SECONDS
from prisme.access.grants import Grant
from prisme.access.login_attempts import AttemptLimiter
from prisme.base.refusal import Refusal
from prisme.web.authentication import Authenticator
from prisme.web.cookies import LOGIN_COOKIE, make_cookie
from prisme.web.pages.endpoints import PageDeps, PageRequest, form_endpoint, page_endpoint
from prisme.web.pages.password_check import check_password, retry_after_header
from prisme.web.pages.templates import see_other
from prisme.web.responses import Response
from prisme.web.routing import Methods

_MAX_NEXT: Final = 8192


class LoginDeps(msgspec.Struct, frozen=True):
    """What these pages need."""

    page: PageDeps
    authenticator: Authenticator
    attempts: AttemptLimiter


def routes(deps: LoginDeps) -> dict[str, Methods]:
    """The start page, and the pages to log in and out."""
    return {
        "/": {"GET": page_endpoint(deps.page, _go_to_dashboard)},
        "/login": {
            "GET": page_endpoint(deps.page, partial(_show_form, deps)),
            "POST": form_endpoint(deps.page, partial(_log_in, deps)),
        },
        "/logout": {"POST": form_endpoint(deps.page, partial(_log_out, deps))},
    }


def _go_to_dashboard(request: PageRequest) -> Response:
    return see_other(request.dashboard_url)


def _show_form(deps: LoginDeps, request: PageRequest) -> Response:
    next_path = _read_next(request.parsed.query)
    if isinstance(deps.authenticator.identify(request.parsed), Grant):
        return see_other(next_path)
    values = {"fault": "", "name": "", "next": next_path, "empty": not deps.authenticator.accounts.has_any()}
    return deps.page.templates.render("login", values)


def _log_in(deps: LoginDeps, request: PageRequest) -> Response:
    accounts, now, fields = deps.authenticator.accounts, deps.authenticator.clock(), request.fields
    name = fields.get("name", "").strip().lower()[:64]
    limits = {f"address {request.address}": login_attempts.PER_ADDRESS, f"account {name}": login_attempts.PER_ACCOUNT}
    key = check_password(deps.attempts, limits, lambda: accounts.log_in(name, fields.get("password", ""), now))
    if isinstance(key, Refusal):
        values = {"fault": key.reason, "name": name, "next": _read_next(fields), "empty": False}
        return deps.page.templates.render("login", values, key.status, retry_after_header(key))
    return see_other(_read_next(fields), [make_cookie(LOGIN_COOKIE, key, LOGIN_SECONDS, secure=request.secure)])


def _log_out(deps: LoginDeps, request: PageRequest) -> Response:
    deps.authenticator.accounts.log_out(request.parsed.cookies.get(LOGIN_COOKIE, ""))
    return see_other("/login", [make_cookie(LOGIN_COOKIE, "", 0, secure=request.secure)])


def _read_next(fields: Mapping[str, str]) -> str:
    """The page to go to after the log-in, which is always one of this server."""
    path = fields.get("next", "")
    # A browser reads a backslash as a slash, and // as another host.
    if path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isascii() and path.isprintable():
        return path[:_MAX_NEXT]
    return "/"
