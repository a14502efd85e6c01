"""Large responses: those that clients have not read yet take memory, which has a limit for each sender and for all."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from prisme.base import refusal
from prisme.web.quota import Quota
from prisme.web.request import Request
from prisme.web.responses import Header, Response, refuse

# A response up to this size fits into the memory that a connection may take anyway. Larger ones are sent in pieces of
# this size, each once the client has read what is before it.
_PIECE: Final = 65_536
# The limit of one share link (an eighth of all), so that a response that is refused can be sent later.
MAX_BYTES: Final = 8 << 20
_ALL_BYTES: Final = 8 * MAX_BYTES

Send = Callable[[dict[str, Any]], Awaitable[None]]


class UnreadResponses:
    """Counts the bytes of large responses until they are sent: `send` has to be called for each that is admitted."""

    def __init__(self) -> None:
        self._quota = Quota(_ALL_BYTES)

    def admit(self, request: Request, response: Response) -> Response:
        """The response, or a refusal if it is too large, or if too many bytes of others are unread."""
        start, body = response
        size = len(body["body"])
        if size <= _PIECE:
            return response
        if size > MAX_BYTES:
            return refuse(request, refusal.RESPONSE_TOO_LARGE, _find_cors(start["headers"]), of_events=False)
        if not self._quota.take(request.sender, size):
            return refuse(request, refusal.RESPONSES_UNREAD, _find_cors(start["headers"]), of_events=False)
        headers = [*start["headers"], (b"content-length", b"%d" % size)]
        ended = partial(self._quota.give_back, request.sender, size)
        return start | {"headers": headers}, body | {"ended": ended}


async def send(send_message: Send, response: Response) -> None:
    """Send a response; a large one in pieces, which ends once the client has read nearly all, or is gone."""
    start, body = response
    if "ended" not in body:
        await send_message(start)
        await send_message(body)
        return
    try:
        await send_message(start)
        content = body["body"]
        for at in range(0, len(content), _PIECE):
            is_last = at + _PIECE >= len(content)
            await send_message({"type": body["type"], "body": content[at : at + _PIECE], "more_body": not is_last})
    finally:
        body["ended"]()


def _find_cors(headers: list[Header]) -> list[Header]:
    return [header for header in headers if header[0] == b"access-control-allow-origin"]
