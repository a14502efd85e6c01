"""Pages to log in and out, to make the first account, and to open a share link."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from urllib.parse import quote

import msgspec

from prisme.access import attempts, keys
from prisme.access.accounts import LOGIN_SECONDS
from prisme.access.attempts import Attempts
from prisme.access.grants import AccessError, Grant
from prisme.access.setup import Setup
from prisme.access.shares import UNLOCK_SECONDS
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web.desk import Desk
from prisme.web.events import Endpoint
from prisme.web.forms import Fields, read_form
from prisme.web.guard import (
    LOGIN,
    SHARE,
    UNLOCKED,
    Asking,
    Guard,
    is_secure,
    read_asking,
    write_cookie,
)
from prisme.web.pages import Pages, lead, tell
from prisme.web.request import Proxy, Receive, Scope
from prisme.web.response import Answer

Show = Callable[[Asking], Answer | Refusal]
Take = Callable[[Asking, Fields, str, bool], Answer | Refusal]

_LONGEST_NEXT: Final = 8192


class People(msgspec.Struct, frozen=True):
    """What these pages need. All work is done at `desk`, one piece after another."""

    guard: Guard
    setup: Setup
    pages: Pages
    desk: Desk
    proxy: Proxy
    attempts: Attempts
    log: logging.Logger


def people(room: People) -> dict[str, dict[str, Endpoint]]:
    """All routes of people."""
    show, take = partial(_show, room), partial(_take, room)
    return {
        "/": {"GET": show(partial(_home, room))},
        "/login": {"GET": show(partial(_login_form, room)), "POST": take(partial(_log_in, room))},
        "/logout": {"POST": take(partial(_log_out, room))},
        "/setup": {"GET": show(partial(_setup_form, room)), "POST": take(partial(_set_up, room))},
        "/share": {"GET": show(partial(_share_form, room)), "POST": take(partial(_unlock, room))},
    }


def _show(room: People, work: Show) -> Endpoint:
    async def endpoint(scope: Scope, _: Receive) -> Answer:
        asking = read_asking(scope)
        outcome = asking if isinstance(asking, Refusal) else await room.desk.run(lambda: work(asking))
        return tell(room.pages, room.proxy, scope, outcome) if isinstance(outcome, Refusal) else outcome

    return endpoint


def _take(room: People, work: Take) -> Endpoint:
    """A form of our own page, its fields, the client's address and whether TLS was used."""

    async def endpoint(scope: Scope, receive: Receive) -> Answer:
        outcome = await read(scope, receive)
        return tell(room.pages, room.proxy, scope, outcome) if isinstance(outcome, Refusal) else outcome

    async def read(scope: Scope, receive: Receive) -> Answer | Refusal:
        sent = await read_form(scope, receive)
        if isinstance(sent, Refusal):
            return sent
        asking, fields = sent
        address = room.proxy.client(scope)
        secure = is_secure(scope, asking, room.proxy.trusted)
        return await room.desk.run(lambda: work(asking, fields, str(address.key), secure))

    return endpoint


def _home(_: People, asking: Asking) -> Answer | Refusal:
    return lead(_keep_share("/dashboard", asking) if asking.query.get(SHARE) else "/dashboard")


def _login_form(room: People, asking: Asking) -> Answer | Refusal:
    following = _read_next(asking.query)
    if isinstance(room.guard.identify(asking), Grant):
        return lead(following)
    values = {"fault": "", "name": "", "next": following, "empty": not room.guard.accounts.any()}
    return room.pages.show("login", values)


def _log_in(room: People, _: Asking, fields: Fields, address: str, secure: bool) -> Answer | Refusal:
    name = fields.get("name", "").strip().lower()[:64]
    limits = {f"address {address}": attempts.PER_ADDRESS, f"account {name}": attempts.PER_ACCOUNT}
    key = _try(room, limits, lambda: room.guard.accounts.log_in(name, fields.get("password", ""), room.guard.clock()))
    if isinstance(key, Refusal):
        values = {"fault": key.reason, "name": name, "next": _read_next(fields), "empty": False}
        return room.pages.show("login", values, key.status, _wait_header(key))
    return lead(_read_next(fields), [write_cookie(LOGIN, key, LOGIN_SECONDS, secure)])


def _log_out(room: People, asking: Asking, _: Fields, __: str, secure: bool) -> Answer | Refusal:
    room.guard.accounts.log_out(asking.cookies.get(LOGIN, ""))
    return lead("/login", [write_cookie(LOGIN, "", 0, secure)])


def _setup_form(room: People, asking: Asking) -> Answer | Refusal:
    key = asking.query.get("key", "")
    fault = _find_setup_fault(room, key)
    if fault:
        return fault
    return room.pages.show("setup", {"fault": "", "key": key, "name": "", "shortest": keys.SHORTEST})


def _set_up(room: People, _: Asking, fields: Fields, __: str, secure: bool) -> Answer | Refusal:
    key, name, now = fields.get("key", ""), fields.get("name", "").strip().lower(), room.guard.clock()
    fault = _find_setup_fault(room, key)
    if fault:
        return fault
    try:
        if fields.get("password") != fields.get("again"):
            raise AccessError("the two passwords are not the same")
        room.guard.accounts.add_first(name, fields.get("password", ""), now)
    except AccessError as error:
        values = {"fault": str(error), "key": key, "name": name, "shortest": keys.SHORTEST}
        return room.pages.show("setup", values, refusal.FIELDS_INVALID.status)
    room.log.info("the first account was made: %s", name)
    return lead("/", [write_cookie(LOGIN, room.guard.accounts.open(name, now), LOGIN_SECONDS, secure)])


def _find_setup_fault(room: People, key: str) -> Refusal | None:
    if not room.guard.accounts.any() and room.setup.knows(key):
        return None
    return refusal.KEY_UNKNOWN.because(
        "this link makes the first account, once; after that, log in. The log has a new one after each start without "
        "an account"
    )


def _share_form(room: People, asking: Asking) -> Answer | Refusal:
    share = room.guard.find_share(asking)
    if share is None:
        return refusal.KEY_UNKNOWN
    if room.guard.identify(asking) is not refusal.SHARE_LOCKED:
        return lead(_keep_share("/dashboard", asking))
    return room.pages.show("share", {"fault": "", "domain": share.domain, "share": asking.query[SHARE]})


def _unlock(room: People, asking: Asking, fields: Fields, address: str, secure: bool) -> Answer | Refusal:
    share = room.guard.find_share(asking)
    if share is None:
        return refusal.KEY_UNKNOWN
    limits = {f"address {address}": attempts.PER_ADDRESS, f"share {share.id}": attempts.PER_ACCOUNT}
    key = _try(room, limits, lambda: room.guard.shares.unlock(share, fields.get("password", ""), room.guard.clock()))
    if isinstance(key, Refusal):
        values = {"fault": key.reason, "domain": share.domain, "share": asking.query[SHARE]}
        return room.pages.show("share", values, key.status, _wait_header(key))
    cookie = write_cookie(f"{UNLOCKED}{share.id}", key, UNLOCK_SECONDS, secure)
    return lead(_keep_share("/dashboard", asking), [cookie])


def _try(room: People, limits: dict[str, int], verify: Callable[[], str | None]) -> str | Refusal:
    """The key that a password gives; a wrong one is counted, and after too many, none is looked at."""
    now = time.monotonic()
    wait = room.attempts.wait(limits, now)
    if wait:
        return refusal.TOO_MANY_ATTEMPTS.later(wait)
    key = verify()
    if key is None:
        room.attempts.fail(limits, now)
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
