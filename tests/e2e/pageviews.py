"""Pageviews as browsers send them, and what is stored of them: what the tests of pageviews share."""

from typing import Any

from tests.server import LiveServer, browser

PAGEVIEWS = "/api/v1/events/pageviews"
NOSCRIPT = "/api/v1/noscript/events/pageviews"
GIF = bytes.fromhex("4749463839610100010000000021f90401000000002c00000000010001000002010000")
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def view(server: LiveServer, page: str, **headers: str) -> int:
    """Send a pageview as a browser does; gives the status."""
    return server.http.post(PAGEVIEWS, headers=browser(page, **headers)).status_code


def views(server: LiveServer, site: str, columns: str = "path") -> list[tuple[Any, ...]]:
    return server.rows(f'SELECT {columns} FROM pageviews WHERE domain = ? ORDER BY "timestamp"', [site])


def sessions(server: LiveServer, site: str, columns: str) -> list[tuple[Any, ...]]:
    return server.rows(f"SELECT {columns} FROM sessions WHERE domain = ? ORDER BY entry_timestamp", [site])
