"""People with a name and a password: admins may do all, viewers look at the figures of some domains."""

import re
from sqlite3 import Connection
from typing import Final, Literal, get_args

import msgspec

from prisme.access import audit, keys
from prisme.access.grants import ADMIN, STATS, AccessError, Grant, MissingError, read_domains
from prisme.store.control import Control

Role = Literal["admin", "viewer"]
LOGIN_SECONDS: Final = 30 * 86_400
# Browsers of one person; the oldest log-in goes first.
_MOST_LOGINS: Final = 50
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)


class Account(msgspec.Struct, frozen=True):
    """`domains` are those that a viewer may see; an admin sees all, and has none here. `created` in Unix seconds."""

    name: str
    role: Role
    domains: tuple[str, ...]
    created: int

    @property
    def grant(self) -> Grant:
        """What it may do."""
        if self.role == "admin":
            return Grant(f"user:{self.name}", self.name, frozenset((STATS, ADMIN)), None)
        return Grant(f"user:{self.name}", self.name, frozenset((STATS,)), self.domains)


class Accounts:
    """Accounts and their log-ins. Changes raise AccessError where they cannot be; times are Unix seconds."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(self, by: Grant, name: str, role: str, domains: tuple[str, ...], password: str, now: int) -> Account:
        """Make one."""
        account = _shape(name, role, domains, now)
        hashed = keys.hash_password(password)
        with self._control.change() as connection:
            _insert(connection, by, account, hashed, now)
        return account

    def check(self, name: str, role: str, domains: tuple[str, ...]) -> None:
        """Raise AccessError where there can be no such new account."""
        account = _shape(name, role, domains, 0)
        if any(one.name == account.name for one in self.list()):
            raise AccessError(f"there is an account {account.name!r} already")

    def add_first(self, name: str, password: str, now: int) -> Account:
        """Make the first admin; AccessError where there is an account already."""
        account = _shape(name, "admin", (), now)
        hashed = keys.hash_password(password)
        with self._control.change() as connection:
            if connection.execute("SELECT 1 FROM accounts").fetchone():
                raise AccessError("there is an account already: log in, or ask its owner")
            _insert(connection, Grant("setup", "", frozenset(), ()), account, hashed, now)
        return account

    def set_password(self, by: Grant, name: str, password: str, now: int) -> None:
        """Change a password. All log-ins of the account end."""
        hashed = keys.hash_password(password)
        with self._control.change() as connection:
            name = _find(connection, name).name
            connection.execute("UPDATE accounts SET password = ? WHERE name = ?", (hashed, name))
            connection.execute("DELETE FROM logins WHERE account = ?", (name,))
            audit.note(connection, now, by, "user.passwd", name)

    def set_role(self, by: Grant, name: str, role: str, domains: tuple[str, ...], now: int) -> Account:
        """Change what it may do, from now on."""
        with self._control.change() as connection:
            known = _find(connection, name)
            account = _shape(name, role, domains, known.created)
            connection.execute(
                "UPDATE accounts SET role = ?, domains = ? WHERE name = ?",
                (account.role, _write(account.domains), account.name),
            )
            _check_admin(connection, known)
            audit.note(connection, now, by, "user.role", account.name, _tell(account))
        return account

    def remove(self, by: Grant, name: str, now: int) -> None:
        """Remove it, its log-ins and its tokens."""
        with self._control.change() as connection:
            known = _find(connection, name)
            connection.execute("DELETE FROM accounts WHERE name = ?", (known.name,))
            _check_admin(connection, known)
            audit.note(connection, now, by, "user.remove", known.name)

    def list(self) -> list[Account]:
        """All, by name."""
        with self._control.read() as connection:
            rows = connection.execute("SELECT name, role, domains, created FROM accounts ORDER BY name").fetchall()
        return [_load(row) for row in rows]

    def any(self) -> bool:
        """Whether there is one."""
        with self._control.read() as connection:
            return connection.execute("SELECT 1 FROM accounts").fetchone() is not None

    def log_in(self, name: str, password: str, now: int) -> str | None:
        """A new log-in's key, None where name and password do not belong together. As slow for unknown names."""
        return self.open(name, now) if self.has_password(name, password) else None

    def has_password(self, name: str, password: str) -> bool:
        """Whether name and password belong together."""
        with self._control.read() as connection:
            row = connection.execute("SELECT password FROM accounts WHERE name = ?", (name.lower(),)).fetchone()
        return keys.verify_password(row and row[0], password)

    def open(self, name: str, now: int) -> str:
        """A new log-in's key, without a password."""
        key = keys.make_key()
        with self._control.change() as connection:
            account = _find(connection, name)
            name = account.name
            connection.execute("DELETE FROM logins WHERE expires <= ?", (now,))
            connection.execute(
                "DELETE FROM logins WHERE account = ? AND rowid NOT IN "
                "(SELECT rowid FROM logins WHERE account = ? ORDER BY rowid DESC LIMIT ?)",
                (name, name, _MOST_LOGINS - 1),
            )
            connection.execute("INSERT INTO logins VALUES (?, ?, ?)", (keys.digest(key), name, now + LOGIN_SECONDS))
            audit.note(connection, now, account.grant, "login", name)
        return key

    def log_out(self, key: str) -> None:
        """End a log-in."""
        with self._control.change() as connection:
            connection.execute("DELETE FROM logins WHERE digest = ?", (keys.digest(key),))

    def find_login(self, key: str, now: int) -> Account | None:
        """Whose log-in it is."""
        with self._control.read() as connection:
            row = connection.execute(
                "SELECT name, role, domains, created FROM logins JOIN accounts ON name = account "
                "WHERE digest = ? AND expires > ?",
                (keys.digest(key), now),
            ).fetchone()
        return _load(row) if row else None


def _shape(name: str, role: str, domains: tuple[str, ...], created: int) -> Account:
    """An account that may be, with its domains in normal form."""
    name = name.lower()
    if not _NAME.fullmatch(name):
        raise AccessError(
            f"{name[:80]!r} is no name for an account: write up to 64 of a-z, 0-9 and . _ @ + -, such as ada"
        )
    known = next((one for one in get_args(Role) if one == role), None)
    if known is None:
        raise AccessError(f"{role[:80]!r} is no role: write admin or viewer")
    if known == "admin" and domains:
        raise AccessError("an admin sees all domains: name none, or make a viewer")
    if known == "viewer" and not domains:
        raise AccessError("a viewer sees some domains: name at least one, such as example.com")
    return Account(name, known, read_domains(domains), created)


def _insert(connection: Connection, by: Grant, account: Account, hashed: str, now: int) -> None:
    row = (account.name, account.role, _write(account.domains), hashed, account.created)
    if not connection.execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, ?, ?)", row).rowcount:
        raise AccessError(f"there is an account {account.name!r} already")
    audit.note(connection, now, by, "user.add", account.name, _tell(account))


def _find(connection: Connection, name: str) -> Account:
    query = "SELECT name, role, domains, created FROM accounts WHERE name = ?"
    row = connection.execute(query, (name.lower(),)).fetchone()
    if not row:
        raise MissingError(f"there is no account {name[:80]!r}")
    return _load(row)


def _check_admin(connection: Connection, changed: Account) -> None:
    """Somebody has to be left who can let others in."""
    if changed.role == "admin" and not connection.execute("SELECT 1 FROM accounts WHERE role = 'admin'").fetchone():
        raise AccessError("this is the last admin: make another one first")


def _load(row: tuple[str, Role, str, int]) -> Account:
    name, role, domains, created = row
    return Account(name, role, msgspec.json.decode(domains, type=tuple[str, ...]), created)


def _write(domains: tuple[str, ...]) -> str:
    return msgspec.json.encode(domains).decode()


def _tell(account: Account) -> str:
    return " ".join((account.role, *account.domains))
