"""The audit log knows who got in and who did not, and no flood of attempts displaces the changes."""

from pathlib import Path

import argon2
import pytest

from prisme.access import audit, keys
from prisme.access.accounts import Accounts
from prisme.access.audit import Entry
from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.store.control import Control
from prisme.store.errors import FullDiskError

BY = operator("test")
PASSWORD = "correct horse battery"


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    monkeypatch.setattr(keys, "_HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    control = Control(tmp_path)
    Accounts(control).add(BY, "ada", "admin", (), PASSWORD, 0)
    return control


def read(control: Control) -> list[Entry]:
    with control.read() as connection:
        return audit.read(connection, 1000, 0)


def test_log_ins_and_log_outs(control: Control) -> None:
    accounts = Accounts(control)
    key = accounts.log_in("Ada", PASSWORD, 1) or ""
    for at in (2, 3):
        assert accounts.log_in("ada", "wrong", at) is None
        assert accounts.log_in(PASSWORD, "ada", at) is None  # each in the other's field
    assert not accounts.confirm_password(accounts.list()[0].grant, "wrong", 4)
    accounts.log_out(key, 5)
    accounts.log_out(key, 6)
    accounts.log_out("no key", 7)
    assert read(control)[:-1] == [
        Entry(5, "user:ada", "logout", "ada", "", 1),
        Entry(4, "user:ada", "user.confirm.failed", "ada", "", 1),
        Entry(2, "anonymous", "login.failed", "(unknown name)", "", 2),
        Entry(2, "anonymous", "login.failed", "ada", "", 2),
        Entry(1, "user:ada", "login", "ada", "", 1),
    ]
    assert PASSWORD not in str(read(control))


def test_wrong_passwords_are_wrong_on_a_full_disk_too(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an error, after which the attempt would not count."""
    share, _ = Shares(control).add(BY, "a.example", 0, password=PASSWORD)
    accounts, before = Accounts(control), read(control)

    def fail() -> None:
        raise FullDiskError(Path("control.sqlite"))

    monkeypatch.setattr(control, "change", fail)
    assert accounts.log_in("ada", "wrong", 1) is None
    assert not accounts.confirm_password(accounts.list()[0].grant, "wrong", 1)
    assert not Shares(control).unlock(share, "wrong", 1)
    assert read(control) == before


def test_unlocks(control: Control) -> None:
    shares = Shares(control)
    one, other = (shares.add(BY, "a.example", 0, password=PASSWORD)[0] for _ in range(2))
    for at in (1, 2):
        assert shares.unlock(one, PASSWORD, at)
        assert not shares.unlock(one, "wrong", at)
    assert not shares.unlock(other, "wrong", 3)
    assert read(control)[:3] == [
        Entry(3, "anonymous", "share.unlock.failed", "share:2", "", 1),
        Entry(1, "anonymous", "share.unlock.failed", "share:1", "", 2),
        Entry(1, "share:1", "share.unlock", "share:1", "", 2),
    ]


def test_attempts_before_a_clock_was_set_back_are_other_ones(control: Control) -> None:
    """An entry's time is that of its first attempt, so that no attempt may be earlier."""
    for at in (5000, 4000, 4001):
        Accounts(control).log_in("ada", "wrong", at)
    assert [(entry.at, entry.count) for entry in read(control)[:2]] == [(4000, 2), (5000, 1)]


def test_a_flood_displaces_nothing_else(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_MAX_ENTRIES", {"change": 5, "login": 4, "attempt": 3})
    accounts = Accounts(control)
    for hour in range(10):
        accounts.create_login("ada", hour * 3600)
        for _ in range(3):
            accounts.log_in("ada", "wrong", hour * 3600)
    assert [entry.action for entry in read(control)].count("login.failed") == 3
    assert [entry.action for entry in read(control)].count("login") == 4
    assert read(control)[-1].action == "user.add"


def test_links_of_a_removed_admin_stay_with_the_others(control: Control) -> None:
    accounts, shares = Accounts(control), Shares(control)
    bob = accounts.add(BY, "bob", "admin", (), PASSWORD, 0).grant
    shares.add(bob, "a.example", 0)
    shares.add(BY, "a.example", 0)
    assert [(one.creator, one.orphaned) for one in shares.list()] == [("user:bob", False), ("cli:test", False)]
    accounts.remove(BY, "bob", 0)
    accounts.add(BY, "bob", "admin", (), PASSWORD, 0)  # somebody else
    assert [(one.creator, one.orphaned) for one in shares.list()] == [("user:bob", True), ("cli:test", False)]
    shares.remove(accounts.list()[0].grant, 1, 0)
    assert [one.id for one in shares.list()] == [2]
