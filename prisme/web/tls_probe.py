"""Finds out whether Granian accepts a certificate, in a process of its own: Granian ends its process if it does not.

OpenSSL, with which the configuration is checked, accepts keys and certificates that Granian's TLS does not support.
"""

import asyncio
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

_TIMEOUT = 20.0  # seconds; it takes about 0.3
_SERVE_SECONDS = 0.1
# On a very busy machine, the stop can come before Granian has started, which ends the process in the same way.
_TRIES = 3


def find_fault(host: str, port: int, certificate: Path, key: Path) -> str:
    """Granian's error message for a certificate and its key; empty if it accepts them. The port has to be free."""
    command = [sys.executable, "-m", "prisme.web.tls_probe", host, str(port), str(certificate), str(key)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    output = ""
    for _ in range(_TRIES):
        process = subprocess.run(  # noqa: S603  # no shell reads it
            command, env=environment, capture_output=True, check=False, timeout=_TIMEOUT
        )
        if process.returncode == 0:
            return ""
        output = process.stderr.decode(errors="replace")
        error = re.search(r"`Err` value: (.+)", output)
        if error:
            return error[1]
    return output.strip().rpartition("\n")[2]


async def _serve(host: str, port: int, certificate: Path, key: Path) -> None:
    from prisme.web.server import make_server

    async def answer_nothing(*_: Any) -> None:
        """No client knows of this server."""

    server = make_server(answer_nothing, host, port, certificate, key)
    serving = asyncio.create_task(server.serve())
    await asyncio.sleep(_SERVE_SECONDS)
    server.stop()  # type: ignore[no-untyped-call]  # Granian has no types here
    await serving


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump could contain the key
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
