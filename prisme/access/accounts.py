"""Accounts with a name and a password. Admins may do everything, viewers may see the figures of some domains."""

import re
from sqlite3 import Connection
from typing import Final, Literal, get_args

import msgspec

from prisme.access import audit, keys
from prisme.access.grants import SCOPES, STATS, AccessError, Grant, NotFoundError, parse_domains
from prisme.store.control import Control

Role = Literal["admin", "viewer"]
LOGIN_SECONDS: Final = 30 * 86_400
# Per account; the oldest are ended first.
_MAX_LOGINS: Final = 50
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)


class Account(msgspec.Struct, frozen=True):
    """`domains` are those that a viewer may see, and empty for an admin, who sees all. `created` is in Unix seconds."""

    name: str
    role: Role
    domains: tuple[str, ...]
    created: int

    @property
    def grant(self) -> Grant:
        """What the account may do."""
        if self.role == "admin":
            return Grant(f"user:{self.name}", self.name, frozenset(SCOPES), None)
        return Grant(f"user:{self.name}", self.name, frozenset((STATS,)), self.domains)


class Accounts:
    """Accounts and their log-ins. Changes raise AccessError if they are not possible. Times are Unix seconds."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(self, by: Grant, name: str, role: str, domains: tuple[str, ...], password: str, now: int) -> Account:
        """Create an account. Raises AccessError."""
        account = _validate(name, role, domains, now)
        hashed = keys.hash_password(password)
        with self._control.change() as connection:
            _insert(connection, by, account, hashed, now)
        return account

    def check(self, name: str, role: str, domains: tuple[str, ...]) -> None:
        """Raise AccessError if such an account cannot be created."""
        account = _validate(name, role, domains, 0)
        if any(one.name == account.name for one in self.list()):
            raise AccessError("an account {name!r} already exists: choose another name", name=account.name)

    def add_first(self, name: str, password: str, now: int) -> Account:
        """Create the first admin. Raises AccessError if there already is an account."""
        account = _validate(name, "admin", (), now)
        hashed = keys.hash_password(password)
        with self._control.change() as connection:
            if connection.execute("SELECT 1 FROM accounts").fetchone():
                raise AccessError("an account already exists: log in, or ask an admin")
            _insert(connection, Grant("setup", "", frozenset(), ()), account, hashed, now)
        return account

    def set_password(self, by: Grant, name: str, password: str, now: int, *, keep_tokens: bool = False) -> int:
        """Change a password, and end all log-ins of the account and its tokens; gives the number of tokens ended.

        If somebody else resets it, the account's browsers are forgotten as well: they may not be the owner's.
        """
        hashed = keys.hash_password(password)
        with self._control.change() as connection:
            name = _find(connection, name).name
            connection.execute("UPDATE accounts SET password = ? WHERE name = ?", (hashed, name))
            connection.execute("DELETE FROM logins WHERE account = ?", (name,))
            if by.account != name:
                connection.execute("DELETE FROM browsers WHERE account = ?", (name,))
            ended = 0 if keep_tokens else connection.execute("DELETE FROM tokens WHERE account = ?", (name,)).rowcount
            audit.record(connection, now, by, "user.passwd", name, _describe_tokens(ended, keep_tokens))
        return ended

    def set_role(self, by: Grant, name: str, role: str, domains: tuple[str, ...], now: int) -> Account:
        """Change the role and domains of an account."""
        with self._control.change() as connection:
            known = _find(connection, name)
            account = _validate(name, role, domains, known.created)
            connection.execute(
                "UPDATE accounts SET role = ?, domains = ? WHERE name = ?",
                (account.role, _write(account.domains), account.name),
            )
            _check_admin(connection, known)
            audit.record(connection, now, by, "user.role", account.name, _describe(account))
        return account

    def remove(self, by: Grant, name: str, now: int) -> None:
        """Delete an account with its log-ins and tokens."""
        with self._control.change() as connection:
            known = _find(connection, name)
            connection.execute("DELETE FROM accounts WHERE name = ?", (known.name,))
            _check_admin(connection, known)
            audit.record(connection, now, by, "user.remove", known.name)

    def list(self) -> list[Account]:
        """All accounts, by name."""
        with self._control.read() as connection:
            rows = connection.execute("SELECT name, role, domains, created FROM accounts ORDER BY name").fetchall()
        return [_load(row) for row in rows]

    def has_any(self) -> bool:
        """Whether there is an account."""
        with self._control.read() as connection:
            return connection.execute("SELECT 1 FROM accounts").fetchone() is not None

    def log_in(self, name: str, password: str, now: int) -> str | None:
        """The key of a new log-in, or None for a wrong name or password. Unknown names take the same time."""
        name = name.lower()
        hashed = self._read_password(name)
        if keys.verify_password(hashed, password):
            return self.create_login(name, now)
        # Something else than a name, such as a password, may have been typed into its field: it is not recorded.
        subject = name if hashed else "(unknown name)"
        audit.record_failure(self._control, now, audit.ANONYMOUS, "login.failed", subject)
        return None

    def confirm_password(self, by: Grant, password: str, now: int) -> bool:
        """Whether it is the password of the account of `by`."""
        is_right = keys.verify_password(self._read_password(by.account), password)
        if not is_right:
            audit.record_failure(self._control, now, by, "user.confirm.failed", by.account)
        return is_right

    def _read_password(self, name: str) -> str | None:
        """The hash of an account's password, None if there is no such account."""
        with self._control.read() as connection:
            row = connection.execute("SELECT password FROM accounts WHERE name = ?", (name,)).fetchone()
        return row and str(row[0])

    def create_login(self, name: str, now: int) -> str:
        """The key of a new log-in, without a check of the password."""
        key = keys.make_key()
        with self._control.change() as connection:
            account = _find(connection, name)
            name = account.name
            connection.execute("DELETE FROM logins WHERE expires <= ?", (now,))
            connection.execute(
                "DELETE FROM logins WHERE account = ? AND rowid NOT IN "
                "(SELECT rowid FROM logins WHERE account = ? ORDER BY rowid DESC LIMIT ?)",
                (name, name, _MAX_LOGINS - 1),
            )
            connection.execute("INSERT INTO logins VALUES (?, ?, ?)", (keys.digest(key), name, now + LOGIN_SECONDS))
            audit.record(connection, now, account.grant, "login", name, kind="login")
        return key

    def log_out(self, key: str, now: int) -> None:
        """End a log-in."""
        account = self.find_login(key, now)
        if account is None:
            return
        with self._control.change() as connection:
            connection.execute("DELETE FROM logins WHERE digest = ?", (keys.digest(key),))
            audit.record(connection, now, account.grant, "logout", account.name, kind="login")

    def find_login(self, key: str, now: int) -> Account | None:
        """The account that is logged in with this key, or None."""
        with self._control.read() as connection:
            row = connection.execute(
                "SELECT name, role, domains, created FROM logins JOIN accounts ON name = account "
                "WHERE digest = ? AND expires > ?",
                (keys.digest(key), now),
            ).fetchone()
        return _load(row) if row else None


def _validate(name: str, role: str, domains: tuple[str, ...], created: int) -> Account:
    """An account with these values, its name and domains in normal form. Raises AccessError if they are invalid."""
    name = name.lower()
    if not _NAME.fullmatch(name):
        raise AccessError(
            "{name!r} is not an account name: use up to 64 of a-z, 0-9 and . _ @ + -, such as ada", name=name[:80]
        )
    known = next((one for one in get_args(Role) if one == role), None)
    if known is None:
        raise AccessError("{role!r} is not a role: use admin or viewer", role=role[:80])
    if known == "admin" and domains:
        raise AccessError("an admin sees all domains: leave them out, or use the role viewer")
    if known == "viewer" and not domains:
        raise AccessError("a viewer needs at least one domain, such as example.com")
    return Account(name, known, parse_domains(domains), created)


def _insert(connection: Connection, by: Grant, account: Account, hashed: str, now: int) -> None:
    row = (account.name, account.role, _write(account.domains), hashed, account.created)
    if not connection.execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, ?, ?)", row).rowcount:
        raise AccessError("an account {name!r} already exists: choose another name", name=account.name)
    audit.record(connection, now, by, "user.add", account.name, _describe(account))


def _find(connection: Connection, name: str) -> Account:
    query = "SELECT name, role, domains, created FROM accounts WHERE name = ?"
    row = connection.execute(query, (name.lower(),)).fetchone()
    if not row:
        raise NotFoundError("there is no account {name!r}", name=name[:80])
    return _load(row)


def _check_admin(connection: Connection, changed: Account) -> None:
    """Raise AccessError if no admin is left after a change."""
    if changed.role == "admin" and not connection.execute("SELECT 1 FROM accounts WHERE role = 'admin'").fetchone():
        raise AccessError("this is the last admin: create another one first")


def _load(row: tuple[str, Role, str, int]) -> Account:
    name, role, domains, created = row
    return Account(name, role, msgspec.json.decode(domains, type=tuple[str, ...]), created)


def _write(domains: tuple[str, ...]) -> str:
    return msgspec.json.encode(domains).decode()


def _describe_tokens(ended: int, kept: bool) -> str:
    """What became of an account's tokens, for the audit log."""
    return "tokens kept" if kept else f"tokens ended: {ended}" if ended else ""


def _describe(account: Account) -> str:
    return " ".join((account.role, *account.domains))
