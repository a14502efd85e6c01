"""Checks before the server opens anything: whether its addresses are free, and whether its certificate works."""

import asyncio

from prisme.runtime.config import Config
from prisme.web import tls_probe
from prisme.web.server import claim


class PreflightError(Exception):
    """The server could not serve; the message says why and what to do."""


def check_addresses(config: Config) -> None:
    """Raise PreflightError if an address to listen on is taken or not allowed."""
    wanted = [(config.host, config.port, "--host and --port")]
    if config.admin_hostport:
        wanted.append((*config.admin_hostport, "--admin-hostport"))
    for host, port, flags in wanted:
        try:
            claim(host, port)
        except OSError as error:
            message = f"cannot listen on {host}:{port}: {error.strerror}; choose others with {flags}"
            raise PreflightError(message) from error


async def check_certificate(config: Config) -> None:
    """Raise PreflightError if Granian cannot serve with the certificate and its key."""
    certificate, key = config.tls_certificate, config.tls_key
    if not (certificate and key):
        return
    fault = await asyncio.to_thread(tls_probe.find_fault, config.host, config.port, certificate, key)
    if fault:
        raise PreflightError(
            f"tls_certificate {certificate} and tls_key {key} cannot be used: {fault}; "
            "make them anew, of version 3, with a key of P-256, P-384, Ed25519 or RSA with 2048 or 4096 bits"
        )
