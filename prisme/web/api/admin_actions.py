"""What the admin API does, one function for each method of a path. All of them read or change files."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from prisme.access.audit import Entry
from prisme.access.audit import read as read_audit
from prisme.access.grants import ADMIN, STATS, AccessError, Grant, NotFoundError
from prisme.base import refusal, timexpr
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.store.control import Control
from prisme.web.authentication import Authenticator

_MAX_ENTRIES: Final = 1000


class Call(msgspec.Struct, frozen=True):
    """A call by somebody who may make it. `name` is the path's last segment, `body` is JSON, or empty.

    `known` is the `If-None-Match`, empty without one.
    """

    grant: Grant
    query: Mapping[str, str]
    name: str
    body: bytes
    known: bytes = b""


class Tagged(NamedTuple):
    """The body of a response with its `ETag`: who knows it gets 304."""

    etag: bytes
    body: bytes


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """`domains` are those that a viewer may see."""

    name: str
    password: str
    role: str = "viewer"
    domains: tuple[str, ...] = ()


class ChangedUser(msgspec.Struct, forbid_unknown_fields=True):
    """Absent fields do not change; `domains` come with a role.

    With a password: `old_password` is the sender's own; with `keep_tokens`, the account's tokens stay valid.
    """

    password: str | None = None
    old_password: str | None = None
    keep_tokens: bool = False
    role: str | None = None
    domains: tuple[str, ...] = ()


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """Without `domains`, for all that its owner may see; without `expires`, for ever."""

    name: str
    scopes: tuple[str, ...] = (STATS,)
    domains: tuple[str, ...] | None = None
    expires: str | None = None


class NewShare(msgspec.Struct, forbid_unknown_fields=True):
    """Without `expires`, for ever; without `password`, for everybody who has the link."""

    domain: str
    expires: str | None = None
    password: str | None = None


def describe_grant(_: Authenticator, call: Call) -> Any:
    """`GET me`."""
    grant = call.grant
    return {"name": grant.actor, "scopes": sorted(grant.scopes), "domains": grant.domains}


def list_users(auth: Authenticator, _: Call) -> Any:
    """`GET users`."""
    return {"users": auth.accounts.list()}


def add_user(auth: Authenticator, call: Call) -> Any:
    """`POST users`."""
    new = decode(call.body, NewUser)
    return auth.accounts.add(call.grant, new.name, new.role, new.domains, new.password, auth.clock())


def find_confirmation(call: Call) -> str | Refusal | None:
    """The password that confirms a `PATCH users/:name` of a user who is logged in; None if it needs none.

    A token of an account changes no password, as it could have been made without the password.
    """
    changed: ChangedUser = decode(call.body, ChangedUser)
    if changed.password is None or not call.grant.account:
        return None
    if not call.grant.is_login:
        return refusal.NOT_ALLOWED.with_reason(
            "a token of an account cannot change passwords: log in, or use `prisme user passwd`"
        )
    if changed.old_password is None:
        return refusal.FIELDS_INVALID.with_reason("send your own password as old_password")
    return changed.old_password


def change_user(auth: Authenticator, call: Call) -> None:
    """`PATCH users/:name`."""
    changed = decode(call.body, ChangedUser)
    if changed.role is None and changed.domains:
        raise AccessError('domains need a role, such as {"role": "viewer", "domains": ["example.com"]}')
    if (changed.password is None) == (changed.role is None):
        raise AccessError("change either the password or the role")
    if changed.password is not None:
        auth.accounts.set_password(
            call.grant, call.name, changed.password, auth.clock(), keep_tokens=changed.keep_tokens
        )
    if changed.role is not None:
        auth.accounts.set_role(call.grant, call.name, changed.role, changed.domains, auth.clock())


def remove_user(auth: Authenticator, call: Call) -> None:
    """`DELETE users/:name`."""
    auth.accounts.remove(call.grant, call.name, auth.clock())


def list_tokens(auth: Authenticator, call: Call) -> Any:
    """`GET tokens`."""
    return {"tokens": auth.tokens.list(_token_owner(call.grant))}


def add_token(auth: Authenticator, call: Call) -> Any:
    """`POST tokens`."""
    _token_owner(call.grant)
    new = decode(call.body, NewToken)
    expires = timexpr.read_end(new.expires, auth.clock())
    token, key = auth.tokens.add(
        call.grant, new.name, auth.clock(), scopes=new.scopes, domains=new.domains, expires=expires
    )
    return msgspec.structs.asdict(token) | {"token": key}


def remove_token(auth: Authenticator, call: Call) -> None:
    """`DELETE tokens/:name`."""
    owner = _token_owner(call.grant)
    auth.tokens.remove(call.grant, read_id(call.name), auth.clock(), owner=owner)


def list_shares(auth: Authenticator, _: Call) -> Any:
    """`GET shares`."""
    return {"shares": auth.shares.list()}


def add_share(base_path: str, auth: Authenticator, call: Call) -> Any:
    """`POST shares`."""
    new = decode(call.body, NewShare)
    expires = timexpr.read_end(new.expires, auth.clock())
    share, key = auth.shares.add(call.grant, new.domain, auth.clock(), expires=expires, password=new.password)
    return msgspec.structs.asdict(share) | {"share": key, "path": f"{base_path}/share?share={key}"}


def remove_share(auth: Authenticator, call: Call) -> None:
    """`DELETE shares/:name`."""
    auth.shares.remove(call.grant, read_id(call.name), auth.clock())


def list_audit(control: Control, _: Authenticator, call: Call) -> dict[str, list[Entry]]:
    """`GET audit`."""
    numbers = [call.query.get(name, default) for name, default in (("limit", "100"), ("offset", "0"))]
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in numbers):
        raise AccessError("limit and offset must be numbers, such as limit=100&offset=200")
    limit, offset = map(int, numbers)
    with control.read() as connection:
        return {"audit": read_audit(connection, min(limit, _MAX_ENTRIES), offset)}


def _token_owner(grant: Grant) -> str | None:
    """The account whose tokens the sender may see and delete; None for all tokens, which is for admins."""
    if ADMIN in grant.scopes:
        return None
    if not grant.account:
        raise AccessError("tokens belong to accounts: log in to see and create yours")
    return grant.account


def read_id(text: str) -> int:
    """The id in a path. Raises NotFoundError if it is none."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    raise NotFoundError(f"there is no entry with the id {text[:64]!r}")


def decode(body: bytes, into: type[Any]) -> Any:
    """Decode JSON into a struct. Raises InputError."""
    try:
        return msgspec.json.decode(body or b"{}", type=into)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the latter if a text is not UTF-8
        raise InputError(str(error)) from error
