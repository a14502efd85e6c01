"""API tokens for programs, with scopes, domains and an expiry. A token never grants more than its account has."""

from collections.abc import Iterable
from typing import Final

import msgspec

from prisme.access import audit, keys
from prisme.access.accounts import Account, Role
from prisme.access.grants import (
    ADMIN,
    QUERY,
    SCOPES,
    SITES,
    STATS,
    AccessError,
    Grant,
    NotFoundError,
    operator,
    parse_domains,
)
from prisme.base.domains import allows
from prisme.store.control import Control

_MAX_NAME: Final = 100
_MAX_TOKENS: Final = 1000
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class Token(msgspec.Struct, frozen=True):
    """`domains` is None for all of its account, `expires` is None for never. Times are Unix seconds."""

    id: int
    name: str
    account: str | None
    scopes: tuple[str, ...]
    domains: tuple[str, ...] | None
    created: int
    expires: int | None


class Tokens:
    """All tokens. Changes raise AccessError if they are not possible."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(
        self,
        by: Grant,
        name: str,
        now: int,
        *,
        scopes: Iterable[str] = (STATS,),
        domains: tuple[str, ...] | None = None,
        expires: int | None = None,
    ) -> tuple[Token, str]:
        """Create a token of the account of `by`; returns it with its key, which cannot be read again."""
        scopes = tuple(sorted(set(scopes)))
        domains = None if domains is None else parse_domains(domains)
        _validate(by, name, scopes, domains, now, expires)
        key = keys.make_key(keys.TOKEN_PREFIX)
        account = by.account or None
        with self._control.change() as connection:
            (count,) = connection.execute("SELECT count(*) FROM tokens").fetchone()
            if count >= _MAX_TOKENS:
                raise AccessError("there are already {most} tokens, the maximum: remove some first", most=_MAX_TOKENS)
            id_ = connection.execute(
                "INSERT INTO tokens (digest, name, account, scopes, domains, created, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (keys.digest(key), name, account, _write(scopes), domains and _write(domains), now, expires),
            ).lastrowid
            limits = " ".join((*scopes, *(domains or ())))
            audit.record(connection, now, by, "token.add", f"token:{id_}", f"{name}: {limits}")
        return Token(id_ or 0, name, account, scopes, domains, now, expires), key

    def remove(self, by: Grant, id_: int, now: int, *, owner: str | None = None) -> None:
        """Delete a token; with `owner`, only one of that account. Raises NotFoundError."""
        with self._control.change() as connection:
            query = "DELETE FROM tokens WHERE id = ? AND (? IS NULL OR account = ?)"
            if not connection.execute(query, (id_, owner, owner)).rowcount:
                raise NotFoundError("there is no token {id}", id=id_)
            audit.record(connection, now, by, "token.remove", f"token:{id_}")

    def list(self, owner: str | None = None) -> list[Token]:
        """All tokens, or those of one account, including expired ones."""
        with self._control.read() as connection:
            rows = connection.execute(
                "SELECT id, name, account, scopes, domains, created, expires FROM tokens "
                "WHERE ? IS NULL OR account = ? ORDER BY id",
                (owner, owner),
            ).fetchall()
        return [_load(row) for row in rows]

    def find(self, key: str, now: int) -> Grant | None:
        """The grant of the token with this key, or None if there is none or it has expired."""
        with self._control.read() as connection:
            row = connection.execute(
                "SELECT id, tokens.name, account, scopes, tokens.domains, tokens.created, expires, "
                "role, accounts.domains, accounts.created "
                "FROM tokens LEFT JOIN accounts ON accounts.name = account "
                "WHERE digest = ? AND (expires IS NULL OR expires > ?)",
                (keys.digest(key), now),
            ).fetchone()
        if row is None:
            return None
        token = _load(row[:7])
        full = operator("") if token.account is None else _load_owner(token.account, *row[7:]).grant
        grant = msgspec.structs.replace(full, actor=f"token:{token.id}").narrow(token.scopes, token.domains)
        # Without the scope admin, a token cannot create another one, which would outlive it.
        return grant if ADMIN in grant.scopes else msgspec.structs.replace(grant, account="")


def _validate(
    by: Grant, name: str, scopes: tuple[str, ...], domains: tuple[str, ...] | None, now: int, expires: int | None
) -> None:
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise AccessError("a token needs a name of 1 to {most} characters that says what it is for", most=_MAX_NAME)
    if not scopes or not set(SCOPES).issuperset(scopes):
        raise AccessError("a token needs one or more of the scopes {known}", known=", ".join(SCOPES))
    beyond_owner = [scope for scope in scopes if scope not in by.scopes]
    if beyond_owner:
        raise AccessError("a token cannot do more than its owner: leave out the scope {scope}", scope=beyond_owner[0])
    for scope in (ADMIN, QUERY, SITES):
        if scope in scopes and domains is not None:
            raise AccessError("the scope {scope} includes all domains: leave out the scope or the domains", scope=scope)
    if domains is not None and not domains:
        raise AccessError("give at least one domain, or leave the domains out for all of yours")
    beyond = [] if by.domains is None else [domain for domain in domains or () if not allows(by.domains, domain)]
    if beyond:
        raise AccessError("you do not have access to {site}", site=", ".join(beyond))
    if expires is not None and expires <= now:
        raise AccessError("the expiry of a token must be in the future")


def _load(row: tuple[int, str, str | None, str, str | None, int, int | None]) -> Token:
    id_, name, account, scopes, domains, created, expires = row
    return Token(id_, name, account, _decode(scopes), None if domains is None else _decode(domains), created, expires)


def _load_owner(name: str, role: Role, domains: str, created: int) -> Account:
    return Account(name, role, _decode(domains), created)


def _write(texts: Iterable[str]) -> str:
    return msgspec.json.encode(tuple(texts)).decode()
