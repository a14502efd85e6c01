"""The pages of settings: one's own password, accounts, tokens and share links. All of it by forms."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from prisme.access import keys, login_attempts
from prisme.access.audit import read as read_audit
from prisme.access.grants import ADMIN, SCOPES, AccessError, Grant
from prisme.access.login_attempts import AttemptLimiter
from prisme.access.shares import SHARE
from prisme.base import refusal, timexpr
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.store.control import Control
from prisme.web.authentication import Asking, Guard
from prisme.web.pages.forms import Fields, Place, Visit
from prisme.web.pages.templates import lead
from prisme.web.request import Request
from prisme.web.responses import Response
from prisme.web.routing import Endpoint

SETTINGS: Final = "/settings"
_PAGES: Final = {
    "account": "Your account",
    "users": "Accounts",
    "tokens": "API tokens",
    "shares": "Share links",
    "audit": "Audit log",
}
_FOR_ADMINS: Final = frozenset(("users", "shares", "audit"))
# What may stand above a page after a change.
_DONE: Final = {
    "password": "Password changed.",
    "added": "Created.",
    "changed": "Saved.",
    "removed": "Deleted.",
}
_ENTRIES: Final = 100
_SHORTEST: Final = {"shortest": keys.MIN_PASSWORD}


class Office(msgspec.Struct, frozen=True):
    """What these pages need."""

    place: Place
    control: Control
    guard: Guard
    attempts: AttemptLimiter


Show = Callable[[Office, Grant, Asking], dict[str, Any]]
# Gives the word of what was done, or what is to be shown this once.
Take = Callable[[Office, Grant, Fields], str | dict[str, str]]


def settings(office: Office) -> dict[str, dict[str, Endpoint]]:
    """All routes of the settings."""
    shown: dict[str, Show] = {
        "account": lambda *_: {},
        "users": lambda office, *_: {"users": office.guard.accounts.list()},
        "tokens": lambda office, grant, _: {
            "tokens": office.guard.tokens.list(_whose(grant)),
            "scopes": _scopes(grant),
        },
        "shares": lambda office, *_: {"shares": office.guard.shares.list()},
        "audit": _show_audit,
    }
    taken: dict[str, Take] = {
        "account": _change_password,
        "users": _change_users,
        "tokens": _change_tokens,
        "shares": _change_shares,
    }
    routes: dict[str, dict[str, Endpoint]] = {SETTINGS: {"GET": _lead}}
    for name, show in shown.items():
        routes[f"{SETTINGS}/{name}"] = {"GET": _page(office, name, show)}
        if name in taken:
            routes[f"{SETTINGS}/{name}"]["POST"] = _form(office, name, show, taken[name])
    return routes


def _lead(_: Request) -> Response:
    return lead(f"{SETTINGS}/account")


def _page(office: Office, name: str, show: Show) -> Endpoint:
    def work(visit: Visit) -> Response | Refusal:
        grant = _enter(office, name, visit.asking)
        if grant is refusal.NOT_LOGGED_IN:
            return lead(f"/login?{urlencode({'next': f'{SETTINGS}/{name}'})}")
        if isinstance(grant, Refusal):
            return grant
        notice = _DONE.get(visit.asking.query.get("done", ""), "")
        return _draw(office, name, grant, show(office, grant, visit.asking) | {"notice": notice})

    return office.place.page(work)


def _form(office: Office, name: str, show: Show, take: Take) -> Endpoint:
    def work(visit: Visit) -> Response | Refusal:
        grant = _enter(office, name, visit.asking)
        if isinstance(grant, Refusal):
            return grant
        try:
            done = take(office, grant, visit.fields)
        except (InputError, AccessError, ValueError) as error:
            typed = {key: text for key, text in visit.fields.items() if "password" not in key}
            values = show(office, grant, visit.asking) | {"fault": str(error), "typed": typed}
            return _draw(office, name, grant, values, refusal.FIELDS_INVALID.status)
        if isinstance(done, dict):
            return _draw(office, name, grant, show(office, grant, visit.asking) | done)
        return lead(f"{SETTINGS}/{name}?{urlencode({'done': done})}")

    return office.place.form(work)


def _enter(office: Office, name: str, asking: Asking) -> Grant | Refusal:
    """Settings are for people who are logged in: programs have the API."""
    grant = office.guard.identify(asking)
    if isinstance(grant, Refusal):
        return grant
    if not grant.account or (name in _FOR_ADMINS and ADMIN not in grant.scopes):
        return refusal.NOT_ALLOWED
    return grant


def _draw(office: Office, name: str, grant: Grant, values: dict[str, Any], status: int = 200) -> Response:
    common = {
        "page": name,
        "title": _PAGES[name],
        "pages": [(one, title) for one, title in _PAGES.items() if one not in _FOR_ADMINS or ADMIN in grant.scopes],
        "account": grant.account,
        "is_admin": ADMIN in grant.scopes,
        "fault": "",
        "notice": "",
        "made": "",
        "typed": {},
        "day": _day,
    }
    return office.place.pages.show(f"settings_{name}", common | _SHORTEST | values, status)


def _change_password(office: Office, grant: Grant, fields: Fields) -> str:
    accounts, now = office.guard.accounts, office.guard.clock()
    if fields.get("new-password") != fields.get("again-password"):
        raise AccessError("the new passwords do not match")
    limits = {f"account {grant.account}": login_attempts.PER_ACCOUNT}
    if office.attempts.retry_after(limits, time.monotonic()):
        raise AccessError(refusal.TOO_MANY_ATTEMPTS.reason)
    if not accounts.check_password(grant.account, fields.get("password", "")):
        office.attempts.record_failure(limits, time.monotonic())
        raise AccessError("wrong current password")
    accounts.set_password(grant, grant.account, fields.get("new-password", ""), now)
    return "password"


def _change_users(office: Office, grant: Grant, fields: Fields) -> str:
    accounts, now = office.guard.accounts, office.guard.clock()
    name, role, password = fields.get("name", "").strip(), fields.get("role", ""), fields.get("password", "")
    match fields.get("do"):
        case "add":
            accounts.add(grant, name, role, _split(fields.get("domains", "")), password, now)
            return "added"
        case "role":
            accounts.set_role(grant, name, role, _split(fields.get("domains", "")), now)
            return "changed"
        case "password":
            accounts.set_password(grant, name, password, now)
            return "password"
        case "remove":
            accounts.remove(grant, name, now)
            return "removed"
    raise AccessError("unknown action")


def _change_tokens(office: Office, grant: Grant, fields: Fields) -> str | dict[str, str]:
    tokens, now = office.guard.tokens, office.guard.clock()
    if fields.get("do") == "remove":
        tokens.remove(grant, _read_id(fields), now, owner=_whose(grant))
        return "removed"
    scopes = [scope for scope in SCOPES if fields.get(f"scope-{scope}")]
    domains = _split(fields.get("domains", "")) or None
    expires = timexpr.read_end(fields.get("expires", "").strip() or None, now)
    _, key = tokens.add(grant, fields.get("name", ""), now, scopes=scopes, domains=domains, expires=expires)
    return {"made": key}


def _change_shares(office: Office, grant: Grant, fields: Fields) -> str | dict[str, str]:
    shares, now = office.guard.shares, office.guard.clock()
    if fields.get("do") == "remove":
        shares.remove(grant, _read_id(fields), now)
        return "removed"
    expires = timexpr.read_end(fields.get("expires", "").strip() or None, now)
    # A field that was left empty asks for no password; one of spaces is too short to be one.
    _, key = shares.add(grant, fields.get("domain", ""), now, expires=expires, password=fields.get("password") or None)
    return {"made": f"/share?{urlencode({SHARE: key})}"}


def _show_audit(office: Office, _: Grant, asking: Asking) -> dict[str, Any]:
    text = asking.query.get("offset", "0")
    offset = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    with office.control.read() as connection:
        entries = read_audit(connection, _ENTRIES + 1, offset)
    older = f"{SETTINGS}/audit?offset={offset + _ENTRIES}" if len(entries) > _ENTRIES else ""
    return {"entries": entries[:_ENTRIES], "older": older}


def _whose(grant: Grant) -> str | None:
    return None if ADMIN in grant.scopes else grant.account


def _scopes(grant: Grant) -> list[str]:
    return [scope for scope in SCOPES if scope in grant.scopes]


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace(",", " ").split() if part)


def _read_id(fields: Fields) -> int:
    text = fields.get("id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _day(seconds: int | None) -> str:
    """A moment as a page shows it."""
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")
