"""What all pages of the settings share: their tabs, who may see them, and the values of their frame."""

from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from prisme.access.grants import ADMIN, Grant
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.dashboard.words import mark, translate
from prisme.web.pages.endpoints import PageRequest
from prisme.web.pages.templates import format_time, see_other
from prisme.web.responses import Response

SETTINGS: Final = "/settings"


class _Tab(NamedTuple):
    """A page of the settings by its title."""

    title: str
    for_admins: bool = False


_TABS: Final = {
    "account": _Tab(mark("Your account")),
    "users": _Tab(mark("Accounts"), for_admins=True),
    "tokens": _Tab(mark("API tokens")),
    "shares": _Tab(mark("Share links"), for_admins=True),
    "imports": _Tab(mark("Import"), for_admins=True),
    "audit": _Tab(mark("Audit log"), for_admins=True),
}


def authorize(name: str, grant: Grant | Refusal) -> Grant | Refusal:
    """The grant of a user who is logged in and may see the page: programs, with tokens, use the API instead."""
    if isinstance(grant, Refusal):
        return grant
    if not grant.is_login or (_TABS[name].for_admins and ADMIN not in grant.scopes):
        return refusal.NOT_ALLOWED
    return grant


def turn_away(name: str, why: Refusal) -> Response | Refusal:
    """Where to log in, for who is not; else the refusal."""
    if why is refusal.NOT_LOGGED_IN:
        return see_other(f"/login?{urlencode({'next': f'{SETTINGS}/{name}'})}")
    return why


def frame_values(name: str, grant: Grant, request: PageRequest) -> dict[str, Any]:
    """What the frame of a page shows, and what its template may leave as it is."""
    is_admin = ADMIN in grant.scopes
    return {
        "page": name,
        "title": translate(_TABS[name].title),
        "pages": [(one, translate(tab.title)) for one, tab in _TABS.items() if is_admin or not tab.for_admins],
        "account": grant.account,
        "is_admin": is_admin,
        "fault": "",
        "notice": "",
        "base": request.base,
        "typed": {},
        "day": format_time,
    }
