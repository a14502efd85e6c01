"""Notices that the client of a request has gone, so that no result is computed in vain."""

import asyncio
import contextlib
from collections.abc import Iterator

from prisme.runtime.cancellation import Cancellation
from prisme.web.request import Receive, Request


@contextlib.contextmanager
def cancel_on_disconnect(
    request: Request, cancellation: Cancellation, *, changes: bool | None = None
) -> Iterator[None]:
    """Call `cancellation` if the client disconnects within the block, unless the request changes something.

    That is what requests other than `GET` and `HEAD` do, unless `changes` says so. The body has to be read before.
    """
    if request.method not in {"GET", "HEAD"} if changes is None else changes:
        yield
        return
    watching = asyncio.create_task(_watch(request.receive, cancellation))
    try:
        yield
    finally:
        watching.cancel()


async def _watch(receive: Receive, cancellation: Cancellation) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    cancellation.cancel()
