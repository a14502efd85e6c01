"""What Prisme is compared with: a callable that only answers, on the server that Prisme runs on, with its settings.

`python -m bench.bare PORT` serves on loopback until SIGTERM.
"""

import asyncio
import gc
import signal
import sys
from typing import Any

import uvloop

from prisme.web.response import ACCEPTED, ACCEPTED_GIF, HEALTHY, answer
from prisme.web.server import server

# Prisme's own answers, so that both send the same bytes.
_ANSWERS = {
    b"/api/v1/events/pageviews": ACCEPTED,
    b"/api/v1/noscript/events/pageviews": ACCEPTED_GIF,
    b"/api/v1/healthcheck": HEALTHY,
}
_LOST = answer(404, [])


async def app(scope: dict[str, Any], _: Any, send: Any) -> None:
    """The bare callable."""
    start, body = _ANSWERS.get(scope["raw_path"], _LOST)
    await send(start)
    await send(body)


async def _serve(port: int) -> None:
    bare = server(app, "127.0.0.1", port)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, bare.stop)
    gc.collect()
    gc.freeze()
    await bare.serve()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
