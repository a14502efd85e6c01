"""Requests as the server makes them."""

from collections.abc import Sequence

from prisme.web.request import Proxy, Request


def make_request(
    proxy: Proxy,
    headers: Sequence[tuple[bytes, bytes]] = (),
    peer: str = "192.0.2.1",
    *,
    method: str = "GET",
    target: str = "/",
) -> Request:
    """A request that a socket's peer sent."""
    path, _, query = target.partition("?")
    return Request(method, path.encode(), query.encode(), headers, peer, "http", 0, proxy)
