"""Accounts, tokens, share links and the audit log as JSON, for admins; and everybody's own tokens."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from prisme.access.audit import Entry
from prisme.access.audit import read as read_audit
from prisme.access.grants import ADMIN, STATS, AccessError, Grant, NotFoundError
from prisme.base import refusal, timexpr
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.store.control import Control
from prisme.web import responses
from prisme.web.authentication import Asking, Guard, is_own_page, read_asking
from prisme.web.body import BodyReader
from prisme.web.request import Request
from prisme.web.responses import Header, Response
from prisme.web.routing import Endpoint
from prisme.web.worker_pool import Desk

API: Final = "/api/v1/"
_HEADERS: Final[list[Header]] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-store"),
    *responses.INERT,
]
_MOST_ENTRIES: Final = 1000


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """`domains` are a viewer's."""

    name: str
    password: str
    role: str = "viewer"
    domains: tuple[str, ...] = ()


class ChangedUser(msgspec.Struct, forbid_unknown_fields=True):
    """What is absent stays; a role comes with its domains."""

    password: str | None = None
    role: str | None = None
    domains: tuple[str, ...] = ()


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """Without domains, all that its owner sees; without an end, it has none."""

    name: str
    scopes: tuple[str, ...] = (STATS,)
    domains: tuple[str, ...] | None = None
    expires: str | None = None


class NewShare(msgspec.Struct, forbid_unknown_fields=True):
    """Likewise."""

    domain: str
    expires: str | None = None
    password: str | None = None


class Offices(msgspec.Struct, frozen=True):
    """What these endpoints need. All work is done at `desk`, one piece after another."""

    control: Control
    guard: Guard
    desk: Desk


Work = Callable[[Grant, Asking, str, bytes], Any]
Who = Callable[[Asking], Grant | Refusal]


def manage(offices: Offices) -> dict[str, dict[str, Endpoint]]:
    """All routes to manage who may look."""
    guard = offices.guard
    admin, anyone = partial(_endpoint, offices, guard.identify_admin), partial(_endpoint, offices, guard.identify)
    return {
        API + "me": {"GET": anyone(lambda grant, *_: _tell_grant(grant))},
        API + "users": {
            "GET": admin(lambda *_: {"users": guard.accounts.list()}),
            "POST": admin(partial(_add_user, guard), status=201),
        },
        API + "users/:name": {
            "PATCH": admin(partial(_change_user, guard)),
            "DELETE": admin(lambda grant, _, name, __: guard.accounts.remove(grant, name, guard.clock())),
        },
        API + "tokens": {
            "GET": anyone(lambda grant, *_: {"tokens": guard.tokens.list(_whose(grant))}),
            "POST": anyone(partial(_add_token, guard), status=201),
        },
        API + "tokens/:name": {
            "DELETE": anyone(
                lambda grant, _, name, __: guard.tokens.remove(
                    grant, _read_id(name), guard.clock(), owner=_whose(grant)
                )
            ),
        },
        API + "shares": {
            "GET": admin(lambda *_: {"shares": guard.shares.list()}),
            "POST": admin(partial(_add_share, guard), status=201),
        },
        API + "shares/:name": {
            "DELETE": admin(lambda grant, _, name, __: guard.shares.remove(grant, _read_id(name), guard.clock())),
        },
        API + "audit": {"GET": admin(partial(_list_audit, offices.control))},
    }


def _endpoint(offices: Offices, who: Who, work: Work, *, status: int = 200) -> Endpoint:
    bodies = BodyReader()

    async def endpoint(request: Request) -> Response:
        outcome = await read(request)
        if isinstance(outcome, Refusal):
            return responses.refuse(request, outcome, of_events=False)
        return outcome

    async def read(request: Request) -> Response | Refusal:
        asking = read_asking(request)
        if isinstance(asking, Refusal):
            return asking
        if request.method not in {"GET", "HEAD"} and not is_own_page(asking):
            return refusal.CROSS_ORIGIN
        # Who may not do it need not send it.
        grant = await offices.desk.run(lambda: who(asking))
        if isinstance(grant, Refusal):
            return grant
        body: bytes | Refusal = b""
        if request.method in {"POST", "PATCH"}:
            body = await bodies.read(request.receive, asking.headers.get("content-length", "").encode("latin-1"))
        if isinstance(body, Refusal):
            return body
        return await offices.desk.run(lambda: _do(work, grant, asking, request.name, body, status))

    return endpoint


def _do(work: Work, grant: Grant, asking: Asking, name: str, body: bytes, status: int) -> Response | Refusal:
    kind = asking.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        return refusal.FIELDS_INVALID.with_reason("the body is JSON: send Content-Type: application/json")
    try:
        found = work(grant, asking, name, body)
    except NotFoundError as error:
        return refusal.NOT_THERE.with_reason(str(error))
    except (InputError, ValueError) as error:  # of which msgspec's are some
        return refusal.FIELDS_INVALID.with_reason(str(error))
    if found is None:
        return responses.make_response(204, _HEADERS[1:])
    return responses.make_response(status, _HEADERS, msgspec.json.encode(found))


def _add_user(guard: Guard, grant: Grant, _: Asking, __: str, body: bytes) -> Any:
    new = _decode(body, NewUser)
    return guard.accounts.add(grant, new.name, new.role, new.domains, new.password, guard.clock())


def _change_user(guard: Guard, grant: Grant, _: Asking, name: str, body: bytes) -> Any:
    changed = _decode(body, ChangedUser)
    if changed.role is None and changed.domains:
        raise AccessError('domains come with a role, such as {"role": "viewer", "domains": ["example.com"]}')
    if (changed.password is None) == (changed.role is None):
        raise AccessError("change the password or the role, one at a time")
    if changed.password is not None:
        guard.accounts.set_password(grant, name, changed.password, guard.clock())
    if changed.role is not None:
        guard.accounts.set_role(grant, name, changed.role, changed.domains, guard.clock())


def _add_token(guard: Guard, grant: Grant, _: Asking, __: str, body: bytes) -> Any:
    _whose(grant)
    new = _decode(body, NewToken)
    expires = timexpr.read_end(new.expires, guard.clock())
    token, key = guard.tokens.add(
        grant, new.name, guard.clock(), scopes=new.scopes, domains=new.domains, expires=expires
    )
    return msgspec.structs.asdict(token) | {"token": key}


def _add_share(guard: Guard, grant: Grant, _: Asking, __: str, body: bytes) -> Any:
    new = _decode(body, NewShare)
    expires = timexpr.read_end(new.expires, guard.clock())
    share, key = guard.shares.add(grant, new.domain, guard.clock(), expires=expires, password=new.password)
    return msgspec.structs.asdict(share) | {"share": key, "path": f"/share?share={key}"}


def _list_audit(control: Control, _: Grant, asking: Asking, __: str, ___: bytes) -> dict[str, list[Entry]]:
    numbers = [asking.query.get(name, default) for name, default in (("limit", "100"), ("offset", "0"))]
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in numbers):
        raise AccessError("limit and offset are numbers, such as limit=100&offset=200")
    limit, offset = map(int, numbers)
    with control.read() as connection:
        return {"audit": read_audit(connection, min(limit, _MOST_ENTRIES), offset)}


def _whose(grant: Grant) -> str | None:
    """Whose tokens may be seen: all for an admin, else one's own."""
    if ADMIN in grant.scopes:
        return None
    if not grant.account:
        raise AccessError("tokens belong to people: log in, to see and make yours")
    return grant.account


def _tell_grant(grant: Grant) -> dict[str, Any]:
    return {"name": grant.actor, "scopes": sorted(grant.scopes), "domains": grant.domains}


def _read_id(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    raise NotFoundError(f"there is nothing with the id {text[:64]!r}")


def _decode(body: bytes, kind: type[Any]) -> Any:
    return msgspec.json.decode(body or b"{}", type=kind)
