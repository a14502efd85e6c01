"""Pages to log in and out, to make the first account, and to open a share link."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from urllib.parse import quote

import msgspec

from prisme.access import keys, login_attempts
from prisme.access.accounts import LOGIN_SECONDS
from prisme.access.grants import AccessError, Grant
from prisme.access.login_attempts import AttemptLimiter
from prisme.access.setup import Setup
from prisme.access.shares import SHARE, UNLOCK_SECONDS
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.authentication import LOGIN, UNLOCKED, Asking, Guard, write_cookie
from prisme.web.pages.forms import Place, Visit
from prisme.web.pages.templates import lead
from prisme.web.responses import Response
from prisme.web.routing import Endpoint

_LONGEST_NEXT: Final = 8192


class People(msgspec.Struct, frozen=True):
    """What these pages need."""

    place: Place
    guard: Guard
    setup: Setup
    attempts: AttemptLimiter
    log: logging.Logger


def people(room: People) -> dict[str, dict[str, Endpoint]]:
    """All routes of people."""
    page, form = room.place.page, room.place.form
    return {
        "/": {"GET": page(_home)},
        "/login": {"GET": page(partial(_login_form, room)), "POST": form(partial(_log_in, room))},
        "/logout": {"POST": form(partial(_log_out, room))},
        "/setup": {"GET": page(partial(_setup_form, room)), "POST": form(partial(_set_up, room))},
        "/share": {"GET": page(partial(_share_form, room)), "POST": form(partial(_unlock, room))},
    }


def _home(visit: Visit) -> Response | Refusal:
    asking = visit.asking
    return lead(_keep_share("/dashboard", asking) if asking.query.get(SHARE) else "/dashboard")


def _login_form(room: People, visit: Visit) -> Response | Refusal:
    following = _read_next(visit.asking.query)
    if isinstance(room.guard.identify(visit.asking), Grant):
        return lead(following)
    values = {"fault": "", "name": "", "next": following, "empty": not room.guard.accounts.has_any()}
    return room.place.pages.show("login", values)


def _log_in(room: People, visit: Visit) -> Response | Refusal:
    fields = visit.fields
    name = fields.get("name", "").strip().lower()[:64]
    limits = {f"address {visit.address}": login_attempts.PER_ADDRESS, f"account {name}": login_attempts.PER_ACCOUNT}
    key = _try(room, limits, lambda: room.guard.accounts.log_in(name, fields.get("password", ""), room.guard.clock()))
    if isinstance(key, Refusal):
        values = {"fault": key.reason, "name": name, "next": _read_next(fields), "empty": False}
        return room.place.pages.show("login", values, key.status, _wait_header(key))
    return lead(_read_next(fields), [write_cookie(LOGIN, key, LOGIN_SECONDS, visit.secure)])


def _log_out(room: People, visit: Visit) -> Response | Refusal:
    room.guard.accounts.log_out(visit.asking.cookies.get(LOGIN, ""))
    return lead("/login", [write_cookie(LOGIN, "", 0, visit.secure)])


def _setup_form(room: People, visit: Visit) -> Response | Refusal:
    key = visit.asking.query.get("key", "")
    fault = _find_setup_fault(room, key)
    if fault:
        return fault
    return room.place.pages.show("setup", {"fault": "", "key": key, "name": "", "shortest": keys.MIN_PASSWORD})


def _set_up(room: People, visit: Visit) -> Response | Refusal:
    fields = visit.fields
    key, name, now = fields.get("key", ""), fields.get("name", "").strip().lower(), room.guard.clock()
    fault = _find_setup_fault(room, key)
    if fault:
        return fault
    try:
        if fields.get("password") != fields.get("again"):
            raise AccessError("the passwords do not match")
        room.guard.accounts.add_first(name, fields.get("password", ""), now)
    except AccessError as error:
        values = {"fault": str(error), "key": key, "name": name, "shortest": keys.MIN_PASSWORD}
        return room.place.pages.show("setup", values, refusal.FIELDS_INVALID.status)
    room.log.info("first account created: %s", name)
    return lead("/", [write_cookie(LOGIN, room.guard.accounts.create_login(name, now), LOGIN_SECONDS, visit.secure)])


def _find_setup_fault(room: People, key: str) -> Refusal | None:
    if not room.guard.accounts.has_any() and room.setup.is_valid(key):
        return None
    return refusal.KEY_UNKNOWN.with_reason(
        "this link is unknown or has been used. If there is an account, log in; otherwise, the server's log has a new "
        "link after each start"
    )


def _share_form(room: People, visit: Visit) -> Response | Refusal:
    asking = visit.asking
    share = room.guard.find_share(asking)
    if share is None:
        return refusal.KEY_UNKNOWN
    if room.guard.identify(asking) is not refusal.SHARE_LOCKED:
        return lead(_keep_share("/dashboard", asking))
    return room.place.pages.show("share", {"fault": "", "domain": share.domain, "share": asking.query[SHARE]})


def _unlock(room: People, visit: Visit) -> Response | Refusal:
    asking, fields = visit.asking, visit.fields
    share = room.guard.find_share(asking)
    if share is None:
        return refusal.KEY_UNKNOWN
    limits = {f"address {visit.address}": login_attempts.PER_ADDRESS, f"share {share.id}": login_attempts.PER_ACCOUNT}
    key = _try(room, limits, lambda: room.guard.shares.unlock(share, fields.get("password", ""), room.guard.clock()))
    if isinstance(key, Refusal):
        values = {"fault": key.reason, "domain": share.domain, "share": asking.query[SHARE]}
        return room.place.pages.show("share", values, key.status, _wait_header(key))
    cookie = write_cookie(f"{UNLOCKED}{share.id}", key, UNLOCK_SECONDS, visit.secure)
    return lead(_keep_share("/dashboard", asking), [cookie])


def _try(room: People, limits: dict[str, int], verify: Callable[[], str | None]) -> str | Refusal:
    """The key that a password gives; a wrong one is counted, and after too many, none is looked at."""
    now = time.monotonic()
    wait = room.attempts.retry_after(limits, now)
    if wait:
        return refusal.TOO_MANY_ATTEMPTS.with_retry_after(wait)
    key = verify()
    if key is None:
        room.attempts.record_failure(limits, now)
        return refusal.PASSWORD_WRONG
    return key


def _wait_header(why: Refusal) -> list[tuple[bytes, bytes]]:
    return [(b"retry-after", b"%d" % why.retry_after)] if why.retry_after else []


def _read_next(fields: Mapping[str, str]) -> str:
    """Where to go after a log-in: a path of this server alone."""
    path = fields.get("next", "")
    # A browser reads a backslash as a slash, and // as another host.
    if path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isascii() and path.isprintable():
        return path[:_LONGEST_NEXT]
    return "/"


def _keep_share(path: str, asking: Asking) -> str:
    return f"{path}?{SHARE}={quote(asking.query[SHARE])}"
