"""The pages of the settings: one's own account, all accounts, tokens, share links, the audit log. Forms change them."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from prisme.access import keys
from prisme.access.audit import read as read_audit
from prisme.access.grants import SCOPES, Grant
from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain, explain_refusal, mark, translate
from prisme.web.pages import settings_changes as changes
from prisme.web.pages.endpoints import Fields, PageRequest, async_form_endpoint, page_endpoint, run_in_pool
from prisme.web.pages.settings_changes import Outcome, SettingsDeps, token_owner
from prisme.web.pages.settings_frame import SETTINGS, authorize, frame_values, turn_away
from prisme.web.pages.templates import see_other
from prisme.web.parsed_request import ParsedRequest
from prisme.web.password_check import retry_after_header
from prisme.web.responses import Header, Response
from prisme.web.routing import Methods

# What a page may show after a change.
_NOTICES: Final = {
    "password": mark("Password changed."),
    "added": mark("Created."),
    "changed": mark("Saved."),
    "removed": mark("Deleted."),
}
_ENTRIES: Final = 100

ReadValues = Callable[[SettingsDeps, Grant, ParsedRequest], dict[str, Any]]
Change = Callable[[SettingsDeps, Grant, Fields], Outcome]


class _Page(NamedTuple):
    """A page of the settings: what its template shows, and what its forms change.

    `confirmation` gives the user's own password from a form whose change needs it, None for other forms.
    """

    read_values: ReadValues
    change: Change | None
    confirmation: Callable[[Fields], str | None] = lambda _: None


def routes(deps: SettingsDeps) -> dict[str, Methods]:
    """All routes of the settings."""
    table: dict[str, Methods] = {SETTINGS: {"GET": page_endpoint(deps.page, _go_to_account)}}
    for name, page in _PAGES.items():
        methods = {"GET": page_endpoint(deps.page, partial(_show, deps, name))}
        if page.change is not None:
            methods["POST"] = async_form_endpoint(deps.page, partial(_confirm_and_change, deps, name, page.change))
        table[f"{SETTINGS}/{name}"] = methods
    return table


def _go_to_account(_: PageRequest) -> Response:
    return see_other(f"{SETTINGS}/account")


def _show(deps: SettingsDeps, name: str, request: PageRequest) -> Response | Refusal:
    grant = authorize(name, request.grant)
    if isinstance(grant, Refusal):
        return turn_away(name, grant)
    notice = translate(_NOTICES.get(request.parsed.query.get("done", ""), ""))
    return _render(deps, name, grant, request, {"notice": notice})


async def _confirm_and_change(
    deps: SettingsDeps, name: str, change: Change, request: PageRequest
) -> Response | Refusal:
    grant, password = authorize(name, request.grant), _PAGES[name].confirmation(request.fields)
    if isinstance(grant, Refusal):
        return grant
    if password is not None:
        wrong = await deps.passwords.confirm(request.parsed, grant, password)
        if wrong is not None:
            return await run_in_pool(deps.page, request, lambda: _show_unconfirmed(deps, name, grant, request, wrong))
    return await run_in_pool(deps.page, request, lambda: _change(deps, name, change, grant, request))


def _show_unconfirmed(deps: SettingsDeps, name: str, grant: Grant, request: PageRequest, why: Refusal) -> Response:
    if why is refusal.PASSWORD_WRONG:
        why = refusal.FIELDS_INVALID.with_reason("wrong current password")
    return _render(deps, name, grant, request, {"fault": explain_refusal(why)}, why.status, retry_after_header(why))


def _change(deps: SettingsDeps, name: str, change: Change, grant: Grant, request: PageRequest) -> Response | Refusal:
    try:
        outcome = change(deps, grant, request.fields)
    except InputError as error:
        typed = {key: text for key, text in request.fields.items() if "password" not in key}
        values = {"fault": explain(error), "typed": typed}
        return _render(deps, name, grant, request, values, refusal.FIELDS_INVALID.status)
    if isinstance(outcome, dict):
        return _render(deps, name, grant, request, outcome)
    return see_other(f"{SETTINGS}/{name}?{urlencode({'done': outcome})}")


def _render(
    deps: SettingsDeps,
    name: str,
    grant: Grant,
    request: PageRequest,
    values: dict[str, Any],
    status: int = 200,
    headers: list[Header] | None = None,
) -> Response:
    common = frame_values(name, grant, request) | {"made": "", "made_for": "", "shortest": keys.MIN_PASSWORD}
    own = _PAGES[name].read_values(deps, grant, request.parsed)
    return deps.page.templates.render(f"settings_{name}", common | own | values, status, headers)


def _account_values(*_: object) -> dict[str, Any]:
    return {}


def _user_values(deps: SettingsDeps, *_: object) -> dict[str, Any]:
    return {"users": deps.authenticator.accounts.list()}


def _token_values(deps: SettingsDeps, grant: Grant, _: ParsedRequest) -> dict[str, Any]:
    scopes = [scope for scope in SCOPES if scope in grant.scopes]
    return {"tokens": deps.authenticator.tokens.list(token_owner(grant)), "scopes": scopes}


def _share_values(deps: SettingsDeps, *_: object) -> dict[str, Any]:
    return {"shares": deps.authenticator.shares.list()}


def _audit_values(deps: SettingsDeps, _: Grant, parsed: ParsedRequest) -> dict[str, Any]:
    text = parsed.query.get("offset", "0")
    offset = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    with deps.control.read() as connection:
        entries = read_audit(connection, _ENTRIES + 1, offset)
    older = f"{deps.page.templates.root}{SETTINGS}/audit?offset={offset + _ENTRIES}" if len(entries) > _ENTRIES else ""
    return {"entries": entries[:_ENTRIES], "older": older}


_PAGES: Final = {
    "account": _Page(_account_values, changes.change_password, changes.account_confirmation),
    "users": _Page(_user_values, changes.change_users, changes.users_confirmation),
    "tokens": _Page(_token_values, changes.change_tokens),
    "shares": _Page(_share_values, changes.change_shares),
    "audit": _Page(_audit_values, None),
}
