"""The page that creates the first account, with the link from the log."""

import logging
from functools import partial

import msgspec

from prisme.access import keys
from prisme.access.browsers import Browsers
from prisme.access.grants import AccessError
from prisme.access.setup import Setup
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain
from prisme.web.authentication import Authenticator
from prisme.web.cookies import login_cookies
from prisme.web.pages.endpoints import Fields, PageDeps, PageRequest, form_endpoint, page_endpoint
from prisme.web.pages.templates import see_other
from prisme.web.responses import Response
from prisme.web.routing import Methods


class SetupDeps(msgspec.Struct, frozen=True):
    """What this page needs."""

    page: PageDeps
    authenticator: Authenticator
    setup: Setup
    browsers: Browsers
    log: logging.Logger


def routes(deps: SetupDeps) -> dict[str, Methods]:
    """The page and its form."""
    return {
        "/setup": {
            "GET": page_endpoint(deps.page, partial(_show_form, deps)),
            "POST": form_endpoint(deps.page, partial(_create_account, deps)),
        }
    }


def _show_form(deps: SetupDeps, request: PageRequest) -> Response | Refusal:
    key = request.parsed.query.get("key", "")
    if deps.setup.account and deps.setup.is_valid(key):
        return _open_demo(deps, request)
    return _check_key(deps, key) or _render(deps, key)


def _open_demo(deps: SetupDeps, request: PageRequest) -> Response:
    accounts, name, now = deps.authenticator.accounts, deps.setup.account, deps.authenticator.clock()
    if not accounts.has_any():
        accounts.add_first(name, keys.make_key(), now)
    return _log_in(deps, request, name, now)


def _create_account(deps: SetupDeps, request: PageRequest) -> Response | Refusal:
    accounts, now, fields = deps.authenticator.accounts, deps.authenticator.clock(), request.fields
    key, name = fields.get("key", ""), fields.get("name", "").strip().lower()
    invalid = _check_key(deps, key)
    if invalid:
        return invalid
    try:
        accounts.add_first(name, _read_password(fields), now)
    except InputError as error:
        return _render(deps, key, name, explain(error), refusal.FIELDS_INVALID.status)
    deps.log.info("first account created: %s", name)
    return _log_in(deps, request, name, now)


def _log_in(deps: SetupDeps, request: PageRequest, name: str, now: int) -> Response:
    login = deps.authenticator.accounts.create_login(name, now)
    browser = deps.browsers.remember(name, "", now)
    return see_other("/", login_cookies(name, login, browser, secure=request.secure))


def _check_key(deps: SetupDeps, key: str) -> Refusal | None:
    """The refusal of a key that is wrong or was used."""
    if not deps.authenticator.accounts.has_any() and deps.setup.is_valid(key):
        return None
    return refusal.KEY_UNKNOWN.with_reason(
        "this link is unknown or has been used. If there is an account, log in; otherwise, the server's log has a new "
        "link after each start"
    )


def _read_password(fields: Fields) -> str:
    if fields.get("password") != fields.get("again"):
        raise AccessError("the passwords do not match")
    return fields.get("password", "")


def _render(deps: SetupDeps, key: str, name: str = "", fault: str = "", status: int = 200) -> Response:
    values = {"fault": fault, "key": key, "name": name, "shortest": keys.MIN_PASSWORD}
    return deps.page.templates.render("setup", values, status)
