"""The servers' start and stop: checks of addresses, certificate and Granian; waiting for requests under way."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from prisme.runtime.config import Config
from prisme.runtime.ports import claim
from prisme.web import tls_probe
from prisme.web.server import Batching, BatchingError, Server

# How long a stop waits for requests under way; supervisors often kill after 10 s in all.
_DRAIN_SECONDS = 5.0
# How long it waits for queries, before they are interrupted and answered with 503.
_QUERY_SECONDS = 1.0


class ServeError(Exception):
    """The servers cannot start; the message says why and what to do."""


def check_addresses(config: Config) -> None:
    """Raise ServeError if an address to listen on is taken or not allowed."""
    wanted = [(config.host, config.port, "--host and --port")]
    if config.admin_hostport:
        wanted.append((*config.admin_hostport, "--admin-hostport"))
    for host, port, flags in wanted:
        try:
            claim(host, port)
        except OSError as error:
            message = f"cannot listen on {host}:{port}: {error.strerror}; choose others with {flags}"
            raise ServeError(message) from error


async def check_certificate(config: Config) -> None:
    """Raise ServeError if Granian cannot serve with the certificate and its key."""
    certificate, key = config.tls_certificate, config.tls_key
    if not (certificate and key):
        return
    fault = await asyncio.to_thread(tls_probe.find_fault, config.host, config.port, certificate, key)
    if fault:
        raise ServeError(
            f"tls_certificate {certificate} and tls_key {key} cannot be used: {fault}; "
            "create new ones, of version 3, with a key of P-256, P-384, Ed25519 or RSA with 2048 or 4096 bits"
        )


async def check_batching(config: Config, batching: Batching) -> None:
    """Raise ServeError if the public server, which listens already, does not hand its requests over."""
    try:
        await batching.check(config.host, config.port, tls=config.tls_certificate is not None)
    except BatchingError as error:
        raise ServeError(str(error)) from error


async def drain(
    servers: Sequence[Server],
    serving: Sequence[asyncio.Task[None]],
    batching: Batching,
    stop_queries: Callable[[], object],
) -> None:
    """Stop listening, and wait for the requests under way, but not for ever, as Granian by itself would.

    `serving` are the tasks of the servers.
    """
    stopping = asyncio.get_running_loop().call_later(_QUERY_SECONDS, stop_queries)
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]  # Granian has no types here
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            await asyncio.gather(*serving, return_exceptions=True)
            while batching.active:  # noqa: ASYNC110  # an event would cost every request something
                await asyncio.sleep(0.01)
    stopping.cancel()
