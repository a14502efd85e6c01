#!/bin/sh
# Granian: by RSGI, `scope.headers.items()` leaves out a header whose value has a byte beyond ASCII, without an error, and
# there is only the decoded path. The same request by ASGI has both as they were sent.
#
# One would guess that an application gets the same request by each interface of one server. HTTP allows such bytes in
# values (RFC 9110, 5.5: obs-text), and a name with an accent is sent so where a site gives it as a visitor's id; `%2F` in
# a path is not the same as a slash. So `prisme/web` is an ASGI application, though RSGI takes less CPU for each request
# (`bench/README.md`).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check granian==2.8.7

cat >"$folder/seen.py" <<'EOF'
"""Serves one request by each interface, and prints what the application got of it."""

import asyncio
import socket

import granian
from granian.log import LogLevels
from granian.server.embed import Server

REQUEST = (
    b"GET /a%2Fb HTTP/1.1\r\nHost: localhost\r\nX-Plain: visitor\r\nX-Accented: Zo\xc3\xab\r\nConnection: close\r\n\r\n"
)
seen = {}


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = dict(scope["headers"])
    seen["asgi"] = (scope["raw_path"], headers.get(b"x-plain"), headers.get(b"x-accented"))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Rsgi:
    async def __rsgi__(self, scope, proto):
        headers = dict(scope.headers.items())
        seen["rsgi"] = (scope.path, headers.get("x-plain"), headers.get("x-accented"))
        proto.response_empty(200, [])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def ask(name, application):
    port = free_port()
    server = Server(application, address="127.0.0.1", port=port, interface=name, log_level=LogLevels.error)
    serving = asyncio.create_task(server.serve())
    for _ in range(100):
        await asyncio.sleep(0.1)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            continue
    writer.write(REQUEST)
    await asyncio.wait_for(reader.read(), 10)
    writer.close()
    server.stop()
    await asyncio.wait_for(serving, 10)


async def main():
    await ask("asgi", asgi)
    await ask("rsgi", Rsgi())


asyncio.run(main())
print("granian", granian.__version__)
for name, (path, plain, accented) in seen.items():
    print(f"{name}: path {path!r}, x-plain {plain!r}, x-accented {accented!r}")
assert seen["asgi"] == (b"/a%2Fb", b"visitor", "Zoë".encode()), "changed: ASGI has not what was sent"
assert seen["rsgi"] == ("/a/b", "visitor", None), "changed: RSGI has the value, or another path"
EOF
"$folder/venv/bin/python" "$folder/seen.py"
