"""Whether Granian can use a certificate: asked in a process of its own, as Granian ends its process where it cannot.

OpenSSL, which the configuration asks, takes keys and certificates that Granian's TLS does not know.
"""

import asyncio
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

_PATIENCE = 20.0  # seconds; it takes some 0.3
_READY = 0.1
# On a very busy machine the stop can come before Granian has begun, which it answers with the same end.
_TRIES = 3


def find_fault(host: str, port: int, certificate: Path, key: Path) -> str:
    """What Granian says against a certificate and its key; empty where it takes them. The port has to be free."""
    words = [sys.executable, "-m", "prisme.web.tls_probe", host, str(port), str(certificate), str(key)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    told = ""
    for _ in range(_TRIES):
        done = subprocess.run(  # noqa: S603  # our own words
            words, env=environment, capture_output=True, check=False, timeout=_PATIENCE
        )
        if done.returncode == 0:
            return ""
        told = done.stderr.decode(errors="replace")
        said = re.search(r"`Err` value: (.+)", told)
        if said:
            return said[1]
    return told.strip().rpartition("\n")[2]


async def _serve(host: str, port: int, certificate: Path, key: Path) -> None:
    from prisme.web.server import make_server

    async def nothing(*_: Any) -> None:
        """No request comes: nobody knows of it."""

    trial = make_server(nothing, host, port, certificate, key)
    serving = asyncio.create_task(trial.serve())
    await asyncio.sleep(_READY)
    trial.stop()  # type: ignore[no-untyped-call]  # Granian has no types here
    await serving


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it may have the key in it
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))
