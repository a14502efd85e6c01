"""What is read from a request's body, whatever its parts, and for how long."""

import asyncio
from typing import Any

import pytest

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.web import body
from prisme.web.body import BodyReader, read_body
from tests.server import PATIENCE


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("length", "messages", "outcome"),
    [
        pytest.param(b"0", [part(b"")], b"", id="empty"),
        pytest.param(b"4", [part(b"PING")], b"PING", id="whole"),
        pytest.param(b"4", [part(b"PI", True), part(b"NG")], b"PING", id="halves"),
        pytest.param(b"4", [part(b"PING", True), part(b"")], b"PING", id="empty end"),
        pytest.param(b"", [part(b"", True), part(b"a", True), part(b"", True), part(b"b")], b"ab", id="no length"),
        pytest.param(b"65536", [part(b"x" * 65_536)], b"x" * 65_536, id="longest"),
        pytest.param(b"", [part(b"x" * 65_535, True), part(b"x")], b"x" * 65_536, id="longest in parts"),
        pytest.param(b"", [part(b"x" * 65_537)], refusal.BODY_TOO_LONG, id="too long"),
        pytest.param(b"", [part(b"x" * 65_536, True), part(b"x")], refusal.BODY_TOO_LONG, id="too long in parts"),
        pytest.param(b"1", [part(b"x" * 65_537)], refusal.BODY_TOO_LONG, id="longer than said"),
        pytest.param(b"65537", [], refusal.BODY_TOO_LONG, id="said to be too long"),
        pytest.param(b"9" * 5000, [], refusal.BODY_TOO_LONG, id="length of 5,000 digits"),
        pytest.param(b"", [part(b"", True)] * 1023 + [part(b"x")], b"x", id="in 1,024 pieces"),
        pytest.param(b"", [part(b"", True)] * 1024 + [part(b"x")], refusal.BODY_IN_PIECES, id="in 1,025 pieces"),
        pytest.param(
            b"4", [part(b"PI", True), part(b"NG", True)], b"PING", id="all that was said, and no word of an end"
        ),
        pytest.param(b"0", [], b"", id="said to be empty"),
        pytest.param(b"4", [GONE], refusal.BODY_CUT, id="gone"),
        pytest.param(b"4", [part(b"PI", True), GONE], refusal.BODY_CUT, id="gone on the way"),
    ],
)
def test_body(length: bytes, messages: list[dict[str, Any]], outcome: bytes | Refusal) -> None:
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(coming)

    assert asyncio.run(read_body(receive, length)) == outcome


class MovableLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test can set forward, in seconds."""

    moved = 0.0

    def time(self) -> float:
        return super().time() + self.moved


def test_body_has_to_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "_CHECK_SECONDS", 0.01)
    loop = MovableLoop()

    async def slow() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return part(b"x", True)

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def quick() -> dict[str, Any]:
        return part(b"all")

    async def scene() -> None:
        bodies = BodyReader()
        for _ in range(2):  # it looks again whenever there is something to look at
            late = [asyncio.create_task(bodies.read(receive, b"")) for receive in (slow, never)]
            assert await bodies.read(quick, b"") == b"all"
            await asyncio.sleep(0.05)
            assert not any(reading.done() for reading in late), "it looked, and there was time left"
            loop.moved += body.BODY_SECONDS + 1
            assert await asyncio.wait_for(asyncio.gather(*late), PATIENCE) == [refusal.BODY_LATE, refusal.BODY_LATE]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scene())


def test_who_ends_a_reading_ends_it() -> None:
    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def scene() -> None:
        reading = asyncio.create_task(BodyReader().read(never, b""))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(scene())


def test_body_without_end_is_not_read_on() -> None:
    received = 0

    async def receive() -> dict[str, Any]:
        nonlocal received
        received += 1
        return part(b"x" * 4096, True)

    assert asyncio.run(read_body(receive, b"")) == refusal.BODY_TOO_LONG
    assert received == 17
