"""API tokens: for programs, with scopes, domains and an end. A token can do no more than its account can just then."""

from collections.abc import Iterable
from typing import Final

import msgspec

from prisme.access import audit, keys
from prisme.access.accounts import Account, Role
from prisme.access.grants import ADMIN, SCOPES, STATS, AccessError, Grant, MissingError, operator, read_domains
from prisme.store.control import Control

_LONGEST_NAME: Final = 100
_MOST: Final = 1000
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class Token(msgspec.Struct, frozen=True):
    """`domains` None is all that its account may see; `expires` None is never. Times in Unix seconds."""

    id: int
    name: str
    account: str | None
    scopes: tuple[str, ...]
    domains: tuple[str, ...] | None
    created: int
    expires: int | None


class Tokens:
    """All tokens. Changes raise AccessError where they cannot be."""

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
        """Make one that belongs to the account of `by`; gives it with its key, which cannot be had again."""
        scopes = tuple(sorted(set(scopes)))
        domains = None if domains is None else read_domains(domains)
        _check(by, name, scopes, domains, now, expires)
        key = keys.make_key(keys.TOKEN)
        account = by.account or None
        with self._control.change() as connection:
            (count,) = connection.execute("SELECT count(*) FROM tokens").fetchone()
            if count >= _MOST:
                raise AccessError(f"there are {_MOST} tokens, which is the most: remove some")
            id_ = connection.execute(
                "INSERT INTO tokens (digest, name, account, scopes, domains, created, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (keys.digest(key), name, account, _write(scopes), domains and _write(domains), now, expires),
            ).lastrowid
            limits = " ".join((*scopes, *(domains or ())))
            audit.note(connection, now, by, "token.add", f"token:{id_}", f"{name}: {limits}")
        return Token(id_ or 0, name, account, scopes, domains, now, expires), key

    def remove(self, by: Grant, id_: int, now: int, *, whose: str | None = None) -> None:
        """Remove one; with `whose`, only where it is that account's."""
        with self._control.change() as connection:
            query = "DELETE FROM tokens WHERE id = ? AND (? IS NULL OR account = ?)"
            if not connection.execute(query, (id_, whose, whose)).rowcount:
                raise MissingError(f"there is no token {id_}")
            audit.note(connection, now, by, "token.remove", f"token:{id_}")

    def list(self, whose: str | None = None) -> list[Token]:
        """All, or those of one account, expired ones too."""
        with self._control.read() as connection:
            rows = connection.execute(
                "SELECT id, name, account, scopes, domains, created, expires FROM tokens "
                "WHERE ? IS NULL OR account = ? ORDER BY id",
                (whose, whose),
            ).fetchall()
        return [_load(row) for row in rows]

    def find(self, key: str, now: int) -> Grant | None:
        """What the bearer of a key may do, None for unknown and for expired ones."""
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
        owner = operator("") if token.account is None else _load_owner(token.account, *row[7:]).grant
        grant = msgspec.structs.replace(owner, actor=f"token:{token.id}").narrow(token.scopes, token.domains)
        # One that only reads cannot make another one, which would outlive it.
        return grant if ADMIN in grant.scopes else msgspec.structs.replace(grant, account="")


def _check(
    by: Grant, name: str, scopes: tuple[str, ...], domains: tuple[str, ...] | None, now: int, expires: int | None
) -> None:
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise AccessError(f"a token has a name of 1 to {_LONGEST_NAME} characters, which says what it is for")
    strange = [scope for scope in scopes if scope not in SCOPES]
    if strange or not scopes:
        raise AccessError(f"a token's scopes are some of {', '.join(SCOPES)}")
    if not by.scopes.issuperset(scopes):
        raise AccessError("a token cannot do more than its owner: leave out the scope admin")
    if ADMIN in scopes and domains is not None:
        raise AccessError("who may change everything sees all domains: leave out the scope admin, or the domains")
    if domains is not None and not domains:
        raise AccessError("name at least one domain, or leave the domains out for all of yours")
    beyond = [] if by.domains is None else [domain for domain in domains or () if domain not in by.domains]
    if beyond:
        raise AccessError(f"you do not see {', '.join(beyond)} yourself")
    if expires is not None and expires <= now:
        raise AccessError("a token's end lies in the future")


def _load(row: tuple[int, str, str | None, str, str | None, int, int | None]) -> Token:
    id_, name, account, scopes, domains, created, expires = row
    return Token(id_, name, account, _decode(scopes), None if domains is None else _decode(domains), created, expires)


def _load_owner(name: str, role: Role, domains: str, created: int) -> Account:
    return Account(name, role, _decode(domains), created)


def _write(texts: Iterable[str]) -> str:
    return msgspec.json.encode(tuple(texts)).decode()
