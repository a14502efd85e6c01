"""Request bodies: received piece by piece, with limits on their size, pieces and time."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import takewhile
from typing import Any

from prisme.base import refusal
from prisme.base.refusal import Refusal

MAX_BODY = 65_536
# Network packets have some 1,400 bytes, so honest bodies have 50. Each piece costs some 30 us: a body of 65,536
# chunks of one byte would take 2 s of everybody's time.
MAX_PIECES = 1024
BODY_SECONDS = 10.0
_CHECK_SECONDS = 1.0

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Body:
    """A body of so many bytes by its Content-Length, while it is received: in the end it is `whole`, or `refused`.

    `next` belongs to the server: the future of the next piece.
    """

    __slots__ = ("_length", "_pieces", "_read", "next", "refused", "whole")

    def __init__(self, length: bytes) -> None:
        self.whole: bytes | None = None
        self.refused: Refusal | None = None
        self.next: Any = None
        self._length, self._pieces, self._read = -1, 0, b""
        if not length:
            return
        if not length.isdigit() or len(length) > 5 or int(length) > MAX_BODY:
            self.refused = refusal.BODY_TOO_LONG
            return
        self._length = int(length)
        if self._length == 0:
            self.whole = b""

    @property
    def size(self) -> int:
        """Bytes received so far."""
        return len(self._read if self.whole is None else self.whole)

    def has_ended(self) -> bool:
        """Whether nothing more has to be received."""
        return self.whole is not None or self.refused is not None

    def take(self, message: dict[str, Any]) -> None:
        """Add one ASGI message.

        A body that has reached its Content-Length is whole: the server lets no more through (RFC 9112, section 6.3),
        and to wait for the last, empty message costs as much as to wait for a full one.
        """
        if message["type"] != "http.request":
            self.refused = refusal.BODY_CUT
            return
        self._pieces += 1
        self._read = body = self._read + message["body"] if self._read else message["body"]
        if len(body) > MAX_BODY:
            self.refused = refusal.BODY_TOO_LONG
        elif not message["more_body"] or len(body) == self._length:
            self.whole = body
        elif self._pieces == MAX_PIECES:
            self.refused = refusal.BODY_IN_PIECES

    def take_next(self) -> None:
        """Add the piece that `next` brought."""
        piece, self.next = self.next, None
        try:
            self.take(piece.result())
        except Exception:
            self.refused = refusal.BODY_CUT

    def has_arrived(self, receive: Receive) -> bool:
        """Whether it has ended with what `next` brought, if it did; else `next` is what is still to come."""
        if not self.next.done():
            return False
        self.take_next()
        if self.has_ended():
            return True
        self.next = receive()
        return False

    async def receive(self, receive: Receive) -> None:
        """Receive the rest, in a task."""
        while not self.has_ended():
            self.take(await receive())


async def read_body(receive: Receive, length: bytes) -> bytes | Refusal:
    """The whole body, or why it was refused; `length` is its Content-Length."""
    body = Body(length)
    await body.receive(receive)
    return body.refused or body.whole or b""


class Timeouts:
    """Calls each callback that is not stopped within `BODY_SECONDS`, or up to a second later.

    One timer for all costs 0.3 us each; one timer for each would cost 5.
    """

    def __init__(self) -> None:
        self._since: dict[Callable[[], object], float] = {}  # the oldest first
        self._is_scheduled = False

    def start(self, give_up: Callable[[], object]) -> None:
        """Call it when its time is over, unless it is stopped."""
        loop = asyncio.get_running_loop()
        self._since[give_up] = loop.time()
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_later(_CHECK_SECONDS, self._check, loop)

    def stop(self, give_up: Callable[[], object]) -> bool:
        """Do not call it; false where it was called already."""
        return self._since.pop(give_up, None) is not None

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        before = loop.time() - BODY_SECONDS
        late = list(takewhile(lambda give_up: self._since[give_up] < before, self._since))
        for give_up in late:
            del self._since[give_up]
            give_up()
        self._is_scheduled = bool(self._since)
        if self._is_scheduled:
            loop.call_later(_CHECK_SECONDS, self._check, loop)


class BodyReader:
    """Reads bodies in tasks; clients that send too slowly are refused."""

    def __init__(self) -> None:
        self._timeouts = Timeouts()

    async def read(self, receive: Receive, length: bytes) -> bytes | Refusal:
        """As `read_body`, within `BODY_SECONDS`."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("no task")
        self._timeouts.start(task.cancel)
        try:
            return await read_body(receive, length)
        except asyncio.CancelledError:
            if self._timeouts.stop(task.cancel) or task.uncancel():
                raise
            return refusal.BODY_LATE
        finally:
            self._timeouts.stop(task.cancel)
