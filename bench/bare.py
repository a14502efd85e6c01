"""What Prisme is compared with: a callable that only responds, on the same server with the same settings.

`python -m bench.bare PORT` serves on loopback until SIGTERM.
"""

import asyncio
import gc
import signal
import sys
from typing import Any

import uvloop

from prisme.web.request import Receive
from prisme.web.responses import ACCEPTED, ACCEPTED_GIF, HEALTHY, make_response, preflight
from prisme.web.server import make_server

# Prisme's own answers, so that both send the same bytes.
_ANSWERS = {
    b"/api/v1/events/pageviews": ACCEPTED,
    b"/api/v1/noscript/events/pageviews": ACCEPTED_GIF,
    b"/api/v1/healthcheck": HEALTHY,
}
_WITH_BODY = (b"/api/v1/events/custom/", b"/api/v1/events/outbound-links", b"/api/v1/events/file-downloads")
_PREFLIGHT = preflight(
    b"POST, OPTIONS", b"x-prisme-document-referrer,x-prisme-referrer,x-prisme-status,x-prisme-visitor-id"
)
_LOST = make_response(404, [])


async def app(scope: dict[str, Any], receive: Receive, send: Any) -> None:
    """The bare callable. A request with a body gets its response once the whole body has come."""
    path = scope["raw_path"]
    if scope["method"] == "OPTIONS":
        start, body = _PREFLIGHT
    elif path.startswith(_WITH_BODY):
        await _read_body(receive)
        start, body = ACCEPTED
    else:
        start, body = _ANSWERS.get(path, _LOST)
    await send(start)
    await send(body)


async def _read_body(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _serve(port: int) -> None:
    bare = make_server(app, "127.0.0.1", port)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, bare.stop)
    gc.collect()
    gc.freeze()
    await bare.serve()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
