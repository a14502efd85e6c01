"""Network ports."""

import asyncio
import socket
import ssl


def claim(host: str, port: int) -> None:
    """Raise OSError where the address cannot be listened on.

    Granian shares ports (SO_REUSEPORT): without this, a second server on the same port would take half of the
    first one's visitors, and nobody would know.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)


async def connect(host: str, port: int, *, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a server on this machine, once it listens on that address. Its certificate is not verified."""
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # whatever name the certificate is for
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    while True:
        try:
            return await asyncio.open_connection(here, port, ssl=context)
        except OSError:
            await asyncio.sleep(0.01)
