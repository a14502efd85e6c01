"""Pageviews for a running server, and deletions in it."""

from collections.abc import Callable

from prisme.cli.operate import Operator
from prisme.operations.delete import Arguments, Deleted
from tests.server import CHROME, LiveServer


def deleter_of(server: LiveServer) -> Callable[..., Deleted]:
    """Deletes in a running server, as a command does."""
    return lambda **arguments: Operator(server.config).run("delete", Arguments(**arguments), Deleted)


def view(server: LiveServer, url: str, referrer: str, address: str = "192.0.2.1", visitor: str = "") -> int:
    """Send one pageview; gives 1. `address` counts where the server trusts proxies."""
    headers = {
        "Origin": "/".join(url.split("/")[:3]),
        "X-Prisme-Referrer": url,
        "X-Prisme-Document-Referrer": referrer,
        "User-Agent": CHROME,
        "X-Forwarded-For": address,
        "X-Prisme-Visitor-Id": visitor,
    }
    assert server.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
    return 1
