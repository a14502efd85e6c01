"""What the tests of the tracking script share: its tag, browsers that visit pages with it, the rows that are stored."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Frame, Page, Request

from tests.server import PATIENCE, LiveServer, wait_until

TAG = '<script src="https://stats.example.com/static/wa.js" defer></script>'
OFF = "prismeAnalytics.tracking.enable"
API = "/api/v1/"
# All that a site's visitors did, in order: what, on which page, and the link or the event's name.
STORED = """
SELECT kind, path, what FROM (
    SELECT domain, "timestamp", 'view' AS kind, path, NULL AS what FROM pageviews
    UNION ALL SELECT domain, "timestamp", 'custom', path, name FROM events_custom
    UNION ALL SELECT domain, "timestamp", 'download', path, url FROM file_downloads
    UNION ALL SELECT domain, "timestamp", 'outbound', path, link FROM outbound_link_clicks
) WHERE domain = ? ORDER BY "timestamp"
"""
Row = tuple[Any, ...]


@contextmanager
def visiting(browser: Browser, allowed: tuple[str, ...] = (), **options: Any) -> Iterator[BrowserContext]:
    """A browser context. However its pages are treated, the script never throws into one, or complains.

    `allowed` is how lines begin that the browser itself may write to the console.
    """
    context = browser.new_context(**options)
    complaints: list[str] = []
    context.on("weberror", lambda event: complaints.append(str(event.error)))
    context.on("console", lambda event: complaints.append(event.text) if event.type == "error" else None)
    try:
        yield context
        assert [text for text in complaints if not text.startswith(allowed)] == []
    finally:
        context.close()


@contextmanager
def unsteered(command: list[str], folder: Path | None = None) -> Iterator[None]:
    """A browser, or another program, in a process of its own, which nobody steers."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


@contextmanager
def answered(page: Page, path: str = "pageviews") -> Iterator[None]:
    """Wait until the page has an answer to an event that is sent in this block."""
    with page.expect_response(lambda answer: answer.url.endswith(path) and answer.request.method == "POST") as got:
        yield
    assert got.value.status == 200


def visit(page: Page, url: str) -> None:
    """Open a page and wait until it is counted."""
    with answered(page):
        page.goto(url)


def stored(prisme: LiveServer, host: str) -> list[Row]:
    return prisme.rows(STORED, [host])


def expect(prisme: LiveServer, host: str, *rows: Row) -> None:
    """The site's rows are these, soon; in any order, as requests may overtake each other."""
    wait_until(lambda: len(stored(prisme, host)) >= len(rows), f"{len(rows)} rows")
    assert Counter(stored(prisme, host)) == Counter(row + (None,) * (3 - len(row)) for row in rows)


def finish(page: Page | Frame) -> None:
    """Send a last event: what the page sent before was stored, or was not sent."""
    assert page.evaluate("prisme.trigger('done').then(() => 'answered')") == "answered"


def views(prisme: LiveServer, host: str, columns: str) -> list[Row]:
    return prisme.rows(f'SELECT {columns} FROM pageviews WHERE domain = ? ORDER BY "timestamp"', [host])


def sessions(prisme: LiveServer, host: str, columns: str) -> list[Row]:
    return prisme.rows(f"SELECT {columns} FROM sessions WHERE domain = ? ORDER BY entry_timestamp", [host])


def watch(page: Page) -> list[Request]:
    """The requests for Prisme's API that the page sends from now on, preflights aside."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if API in request.url else None)
    return sent
