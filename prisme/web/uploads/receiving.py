"""Receives the body of an upload: one piece in memory at a time, written in a thread, with limits on size and time."""

import asyncio
import errno
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain
from prisme.web.body import Receive
from prisme.web.uploads.form import UploadForm
from prisme.web.worker_pool import WorkerPool

# A thread is asked for each piece, which costs some 0.1 ms.
_PIECE: Final = 1 << 20
_SILENT_SECONDS: Final = 30.0
# What a client still sends after a refusal is read for a while: else a browser would not show why.
_MOST_DRAINED: Final = 256 << 20
_DRAIN_SECONDS: Final = 5.0


class Receiving:
    """The receipt of one body. `received` is the number of bytes so far, `room` gives those that may be written.

    `stop` ends it, from any thread.
    """

    def __init__(self, receive: Receive, limit: int, room: Callable[[], int]) -> None:
        self.received = 0
        self._receive = receive
        self._limit = limit
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._is_stopped = False

    async def run(self, form: UploadForm, pool: WorkerPool) -> Refusal | None:
        """Receive all of it; gives a refusal if it did not come to its end."""
        self._task = asyncio.current_task()
        try:
            return await self._receive_all(form, pool)
        except asyncio.CancelledError:
            if self._task is None or not self._is_stopped or self._task.uncancel():
                raise
            return refusal.UPLOAD_STOPPED
        except InputError as error:
            return refusal.UPLOAD_INVALID.with_reason(explain(error))
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            return refusal.UPLOAD_NO_ROOM
        finally:
            self._task = None

    def stop(self) -> None:
        """End it before its time."""
        self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _receive_all(self, form: UploadForm, pool: WorkerPool) -> Refusal | None:
        piece, has_more = bytearray(), True
        while has_more:
            try:
                async with asyncio.timeout(_SILENT_SECONDS):
                    message = await self._receive()
            except TimeoutError:
                return refusal.UPLOAD_LATE
            if message["type"] != "http.request":
                return refusal.BODY_CUT
            has_more = message["more_body"]
            piece += message["body"]
            self.received += len(message["body"])
            if self.received > self._limit:
                return refusal.UPLOAD_TOO_LARGE
            if len(piece) >= _PIECE or not has_more:
                if not self._room():
                    return refusal.UPLOAD_NO_ROOM
                data, piece = bytes(piece), bytearray()
                if (busy := await pool.run(partial(form.write, data))) is not None:
                    return busy
        form.finish()
        return None


async def drain(receive: Receive) -> None:
    """Read what a refused client still sends, for a while."""
    read = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while read < _MOST_DRAINED:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                read += len(message["body"])
    except TimeoutError:
        pass
