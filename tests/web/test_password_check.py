"""Checks of passwords: in threads of their own, and each counted until it turns out to be right."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prisme.access.accounts import Accounts
from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.runtime.cancellation import Cancellation
from prisme.store.control import Control
from prisme.web.cookies import LOGIN_COOKIE
from prisme.web.parsed_request import ParsedRequest
from prisme.web.password_check import PasswordChecker
from prisme.web.worker_pool import WorkerPool

LIMITS = {"ada": 3}


class DefectError(Exception):
    """A defect of ours."""


@pytest.fixture
def checker(tmp_path: Path) -> Iterator[PasswordChecker]:
    checker = PasswordChecker(Accounts(Control(tmp_path)), lambda: 0, lambda: 0)
    yield checker
    checker.close()


def fail() -> str:
    raise DefectError


def check_often(checker: PasswordChecker, verify: Callable[[], str | None], times: int) -> list[Any]:
    """The outcomes of checks at the same time."""

    async def check() -> list[Any]:
        checks = [checker.check(LIMITS, verify, checker.strangers) for _ in range(times)]
        return await asyncio.gather(*checks, return_exceptions=True)

    return asyncio.run(check())


def statuses(outcomes: list[Any]) -> list[int]:
    return [one.status for one in outcomes if isinstance(one, Refusal)]


def test_wrong_ones_count(checker: PasswordChecker) -> None:
    assert statuses(check_often(checker, lambda: None, 3)) == [401] * 3
    assert statuses(check_often(checker, lambda: "key", 1)) == [429]


def test_right_ones_do_not_count(checker: PasswordChecker) -> None:
    for _ in range(5):
        assert check_often(checker, lambda: "key", 1) == ["key"]
    assert statuses(check_often(checker, lambda: None, 3)) == [401] * 3


def test_many_at_once_are_no_more_than_one_after_the_other(checker: PasswordChecker) -> None:
    verified = []
    outcomes = check_often(checker, lambda: verified.append(1), 8)
    assert sorted(statuses(outcomes)) == [401] * 3 + [429] * 5
    assert len(verified) == 3


def test_what_was_not_checked_does_not_count(checker: PasswordChecker) -> None:
    for _ in range(5):
        (outcome,) = check_often(checker, fail, 1)
        assert isinstance(outcome, DefectError)
    assert statuses(check_often(checker, lambda: None, 4)) == [401] * 3 + [429]


def test_busy_ones_do_not_count(checker: PasswordChecker) -> None:
    checker.strangers = WorkerPool("full", 1, 0, busy=refusal.PASSWORDS_BUSY)
    for _ in range(5):
        assert check_often(checker, fail, 1) == [refusal.PASSWORDS_BUSY]
    checker.strangers = WorkerPool("passwords", 1, 16)
    assert statuses(check_often(checker, lambda: None, 4)) == [401] * 3 + [429]


def test_an_abandoned_one_counts(checker: PasswordChecker) -> None:
    """Whoever closes the connection before the response does not guess for free."""
    started, release = threading.Event(), threading.Event()

    def verify() -> None:
        started.set()
        release.wait(20)

    async def abandon() -> None:
        task = asyncio.create_task(checker.check(LIMITS, verify, checker.strangers))
        await asyncio.to_thread(started.wait, 20)
        task.cancel()
        release.set()
        await asyncio.gather(task, return_exceptions=True)

    for _ in range(3):
        started.clear()
        release.clear()
        asyncio.run(abandon())
    assert statuses(check_often(checker, lambda: "key", 1)) == [429]


def test_no_stranger_delays_a_confirmation(checker: PasswordChecker) -> None:
    ada = checker._accounts.add_first("ada", "correct horse battery", 0).grant
    request, release = ParsedRequest({}, {LOGIN_COOKIE: "key"}, {}, 0.0, Cancellation()), threading.Event()

    async def confirm() -> list[Refusal | None]:
        flood = [asyncio.create_task(checker.strangers.run(lambda: release.wait(20))) for _ in range(20)]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(10):
                return [await checker.confirm(request, ada, text) for text in ("correct horse battery", "wrong")]
        finally:
            release.set()
            await asyncio.gather(*flood)

    assert asyncio.run(confirm()) == [None, refusal.PASSWORD_WRONG]


@pytest.mark.parametrize("limit", [1, 3])
def test_places_are_given_back(limit: int) -> None:
    """At most `limit` calls at once; each gives its place back, also with an exception."""
    pool = WorkerPool("test", 1, limit)
    release = threading.Event()

    async def run() -> None:
        for _ in range(limit + 2):
            with pytest.raises(DefectError):
                await pool.run(fail)
        waiting = [asyncio.create_task(pool.run(lambda: release.wait(20))) for _ in range(limit)]
        await asyncio.sleep(0)
        assert await pool.run(lambda: True) is refusal.STATS_BUSY
        release.set()
        assert await asyncio.gather(*waiting) == [True] * limit
        assert await pool.run(lambda: "again") == "again"

    asyncio.run(run())
    pool.close()
