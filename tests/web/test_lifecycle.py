"""What a stop waits for: the servers' ends, and requests under way, but not for ever."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from prisme.web import lifecycle
from prisme.web.lifecycle import drain
from prisme.web.server import Batching
from tests.server import PATIENCE
from tests.web.test_batching import make_app


def play(scene: Callable[[Batching], Awaitable[None]]) -> None:
    async def run() -> None:
        await scene(Batching(make_app([])))

    asyncio.run(run())


def test_a_stop_waits_for_servers_and_for_requests() -> None:
    async def scene(batching: Batching) -> None:
        ended = asyncio.Event()
        batching.active = 1
        draining = asyncio.create_task(drain([], [asyncio.create_task(serve(ended))], batching, list))
        await asyncio.sleep(0.05)
        batching.active = 0
        await asyncio.sleep(0.05)
        assert not draining.done()  # for the server
        batching.active = 1
        ended.set()
        await asyncio.sleep(0.05)
        assert not draining.done()  # for the request
        batching.active = 0
        await asyncio.wait_for(draining, PATIENCE)

    async def serve(ended: asyncio.Event) -> None:
        await ended.wait()

    play(scene)


def test_a_stop_interrupts_queries_and_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_QUERY_SECONDS", 0.01)
    monkeypatch.setattr(lifecycle, "_DRAIN_SECONDS", 0.1)
    interrupted: list[int] = []

    async def scene(batching: Batching) -> None:
        batching.active = 1
        await asyncio.wait_for(drain([], [], batching, lambda: interrupted.append(1)), PATIENCE)

    play(scene)
    assert interrupted == [1]


def test_no_query_is_interrupted_after_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is closed by then."""
    monkeypatch.setattr(lifecycle, "_QUERY_SECONDS", 0.3)
    interrupted: list[int] = []

    async def scene(batching: Batching) -> None:
        await drain([], [], batching, lambda: interrupted.append(1))
        await asyncio.sleep(0.5)

    play(scene)
    assert interrupted == []
