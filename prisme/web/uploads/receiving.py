"""Receives the body of an upload: one piece in memory at a time, written in a thread, with limits on size and time."""

import asyncio
import contextlib
import errno
from functools import partial
from typing import Any, Final

from prisme.base import refusal
from prisme.base.errors import InputError
from prisme.base.refusal import Refusal
from prisme.dashboard.words import explain
from prisme.runtime.freespace import FreeSpace
from prisme.web.body import Receive
from prisme.web.uploads.form import UploadForm
from prisme.web.worker_pool import WorkerPool

# A thread is asked for each piece, which costs some 0.1 ms.
_PIECE: Final = 1 << 20
_SILENT_SECONDS: Final = 30.0
# What a client still sends after a refusal is read for a while: else a browser would not show why.
_MOST_DRAINED: Final = 256 << 20
_DRAIN_SECONDS: Final = 2.0


class Pieces:
    """The pieces of a body, of which the rest can be read in vain."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._has_more = True

    async def next(self) -> tuple[bytes, bool] | Refusal:
        """The next piece, and whether more follow; a refusal if none comes, or the client has gone."""
        try:
            async with asyncio.timeout(_SILENT_SECONDS):
                message = await self._receive()
        except TimeoutError:
            self._has_more = False
            return refusal.UPLOAD_LATE
        is_piece = message["type"] == "http.request"
        self._has_more = is_piece and message["more_body"]
        return (message["body"], self._has_more) if is_piece else refusal.BODY_CUT

    async def drain(self) -> None:
        """Read what the client still sends, for a while."""
        read = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._has_more and read < _MOST_DRAINED:
                    piece = await self.next()
                    read += 0 if isinstance(piece, Refusal) else len(piece[0])


class Receiving:
    """The receipt of one body. `received` is the number of bytes so far, `limit` of those that there may be.

    `stop` ends it, from any thread.
    """

    def __init__(self, pieces: Pieces, limit: int, disk: FreeSpace) -> None:
        self.received = 0
        self._pieces = pieces
        self._limit = limit
        self._disk = disk
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
        if self._task is not None and not self._is_stopped:
            self._task.cancel()
        self._is_stopped = True

    async def _receive_all(self, form: UploadForm, pool: WorkerPool) -> Refusal | None:
        piece, has_more = bytearray(), True
        while has_more:
            came = await self._pieces.next()
            if isinstance(came, Refusal):
                return came
            data, has_more = came
            piece += data
            self.received += len(data)
            if self.received > self._limit:
                return refusal.UPLOAD_TOO_LARGE
            if len(piece) >= _PIECE or not has_more:
                if not self._disk.room():
                    return refusal.UPLOAD_NO_ROOM
                whole, piece = bytes(piece), bytearray()
                if (busy := await pool.run(partial(form.write, whole))) is not None:
                    return busy
        form.finish()
        return None
