"""The queue of a pool: who comes first, who may have how many places, and what nobody waits for any more."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from prisme.base.refusal import CLIENT_GONE, STATS_BUSY
from prisme.runtime.cancellation import Cancellation
from prisme.web.quota import NOBODY, SERVER, Quota, Rank, Sender
from prisme.web.worker_pool import WorkerPool

ADA, BOB = Sender(Rank.ACCOUNT, "ada"), Sender(Rank.ACCOUNT, "bob")
TOKEN, SHARE, OTHER = Sender(Rank.TOKEN, "token"), Sender(Rank.SHARE, "share"), Sender(Rank.SHARE, "other")


def play(pool: WorkerPool, scene: Callable[[], Awaitable[Any]]) -> Any:
    """The result of a scene in an event loop, in which the pool is closed."""

    async def run() -> Any:
        try:
            async with asyncio.timeout(20):
                return await scene()
        finally:
            pool.close()

    return asyncio.run(run())


def test_the_highest_rank_is_served_first() -> None:
    pool, served, gate = WorkerPool("test", 1, 64), list[str](), threading.Event()

    async def scene() -> None:
        first = asyncio.create_task(pool.run(gate.wait))
        await asyncio.sleep(0)
        senders = [SHARE, TOKEN, SHARE, ADA, TOKEN, ADA]
        works = [asyncio.create_task(pool.run(lambda one=one: served.append(one.key), one)) for one in senders]  # type: ignore[misc]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *works)

    play(pool, scene)
    assert served == ["ada", "ada", "token", "token", "share", "share"]


@pytest.mark.parametrize(("per_rank", "others"), [(True, [False, True, True, True]), (False, [False] * 4)])
def test_a_rank_has_threads_of_its_own(per_rank: bool, others: list[bool]) -> None:
    pool, gate = WorkerPool("test", 1, 64, per_rank=per_rank), threading.Event()

    async def scene() -> list[bool]:
        first = asyncio.create_task(pool.run(gate.wait, SHARE))
        await asyncio.sleep(0)
        works = [asyncio.create_task(pool.run(lambda: None, one)) for one in (OTHER, TOKEN, ADA, NOBODY)]
        await asyncio.wait(works, timeout=0.5)
        ended = [work.done() for work in works]
        gate.set()
        await asyncio.gather(first, *works)
        return ended

    assert play(pool, scene) == others


def test_places_are_limited_for_one_and_for_a_rank() -> None:
    quota = Quota(64)

    def fill(*senders: Sender) -> int:
        return next(count for count in range(100) if not quota.take(senders[count % len(senders)]))

    assert fill(NOBODY) == 16
    assert fill(SHARE) == 8
    assert fill(OTHER) == 0  # those without credentials have the rest of its rank
    assert fill(TOKEN) == 16
    assert fill(*(Sender(Rank.TOKEN, str(number)) for number in range(100))) == 8
    assert fill(ADA) == 16
    assert fill(BOB, SERVER) == 0
    for sender in [NOBODY] * 16 + [SHARE] * 8 + [TOKEN] * 16:
        quota.give_back(sender)
    assert fill(ADA) == 16  # half of all
    assert fill(SERVER) == 24


def test_lower_ranks_share_the_limits_of_higher_ones() -> None:
    quota = Quota(64)
    tokens = [Sender(Rank.TOKEN, str(number)) for number in range(3)]
    assert all(quota.take(one) for one in tokens * 16)  # three quarters: the rest is for accounts
    assert not any(quota.take(one) for one in (Sender(Rank.TOKEN, "new"), SHARE, NOBODY))
    assert all(quota.take(ADA) for _ in range(16))
    assert not quota.take(BOB)
    quota.give_back(tokens[0])
    assert quota.take(SHARE)
    assert not quota.take(NOBODY)


def test_senders_who_hold_nothing_take_no_memory() -> None:
    quota = Quota(8)
    for number in range(100):
        sender = Sender(Rank.SHARE, str(number))
        assert quota.take(sender)
        quota.give_back(sender)
    assert len(quota._held) == 0


def test_a_limit_of_none_or_one() -> None:
    assert not Quota(0).take(ADA)
    one = Quota(1)
    assert one.take(SHARE)
    assert not one.take(SHARE)
    assert not one.take(ADA)
    one.give_back(SHARE)
    assert one.take(ADA)


def test_more_than_the_limit_is_refused() -> None:
    pool, gate = WorkerPool("test", 1, 8), threading.Event()

    async def scene() -> list[Any]:
        works = [asyncio.create_task(pool.run(gate.wait, SHARE)) for _ in range(2)]
        works.append(asyncio.create_task(pool.run(gate.wait, ADA)))
        await asyncio.sleep(0)
        gate.set()
        outcomes = await asyncio.gather(*works)
        return [*outcomes, await pool.run(lambda: "again", SHARE)]

    assert play(pool, scene) == [True, STATS_BUSY, True, "again"]


def test_an_exception_is_the_callers_and_its_place_is_free_again() -> None:
    pool = WorkerPool("test", 1, 1)

    def fail() -> None:
        raise ValueError("for the caller")

    async def scene() -> None:
        for _ in range(2):
            with pytest.raises(ValueError, match="for the caller"):
                await pool.run(fail, SHARE)

    play(pool, scene)


def test_queued_work_of_who_has_gone_is_dropped() -> None:
    pool, gate, gone, worked = WorkerPool("test", 1, 2), threading.Event(), Cancellation(), list[int]()

    async def scene() -> None:
        running = asyncio.create_task(pool.run(gate.wait))
        queued = asyncio.create_task(pool.run(lambda: worked.append(1), SERVER, gone))
        await asyncio.sleep(0)
        assert await pool.run(lambda: None) is STATS_BUSY
        gone.cancel()
        assert await queued is CLIENT_GONE
        free = asyncio.create_task(pool.run(lambda: worked.append(2)))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(running, free)

    play(pool, scene)
    assert worked == [2]


def test_queued_work_that_is_cancelled_is_dropped() -> None:
    pool, gate, worked = WorkerPool("test", 1, 2), threading.Event(), list[int]()

    async def scene() -> None:
        running = asyncio.create_task(pool.run(gate.wait))
        queued = asyncio.create_task(pool.run(lambda: worked.append(1)))
        await asyncio.sleep(0)
        queued.cancel()
        await asyncio.gather(queued, return_exceptions=True)
        free = asyncio.create_task(pool.run(lambda: "next"))
        await asyncio.sleep(0)
        gate.set()
        assert (await running, await free) == (True, "next")

    play(pool, scene)
    assert worked == []


def test_work_of_who_has_gone_is_told_and_keeps_its_place_until_it_ends() -> None:
    pool, told, gone = WorkerPool("test", 1, 1), threading.Event(), Cancellation()
    begun = threading.Event()

    def work() -> None:
        gone.attach(told.set)
        begun.set()
        assert told.wait(20)
        gone.detach(told.set)

    async def scene() -> None:
        running = asyncio.create_task(pool.run(work, SERVER, gone))
        await asyncio.to_thread(begun.wait, 20)
        assert await pool.run(lambda: None) is STATS_BUSY
        gone.cancel()
        assert await running is CLIENT_GONE
        assert await pool.run(lambda: "next") == "next"

    play(pool, scene)


def test_work_that_begins_late_is_told_at_once() -> None:
    gone, told = Cancellation(), list[int]()
    gone.cancel()
    gone.attach(lambda: told.append(1))
    assert told == [1]
