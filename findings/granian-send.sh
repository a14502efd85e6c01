#!/bin/sh
# Granian: `send()` of an ASGI application sends when it is called. Awaiting what it returns adds nothing.
#
# One would guess that an ASGI server's `send` is a coroutine function, which does nothing before it is awaited: the
# specification calls it an awaitable callable, and Uvicorn's is `async def`. Granian hands each message to its own
# threads at once and returns an awaitable that is done. So a plain function can answer: Prisme's event loop answers a
# batch of requests without a coroutine or a task for any of them (`prisme/web/server.py`).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check granian==2.8.7

"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import socket
import urllib.request
import warnings

import granian
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

warnings.simplefilter("error")  # a coroutine that nobody awaits would be one
returned = []


async def app(scope, receive, send):
    returned.append(send({"type": "http.response.start", "status": 200, "headers": []}))
    returned.append(send({"type": "http.response.body", "body": b"sent, not awaited"}))


def ask(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
        return response.status, response.read()


async def main():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(app, "127.0.0.1", port, interface=Interfaces.ASGINL, log_level=LogLevels.error)
    serving = asyncio.create_task(server.serve())
    await asyncio.sleep(1)
    answer = await asyncio.to_thread(ask, port)
    server.stop()
    await serving
    return answer


status, body = asyncio.run(main())
print(f"granian {granian.__version__}")
print(f"send() returned: {', '.join(type(one).__name__ for one in returned)}")
print(f"the client received: {status} {body.decode()}")
assert (status, body) == (200, b"sent, not awaited"), "changed: nothing is sent without await"
PYTHON
