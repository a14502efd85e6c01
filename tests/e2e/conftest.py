"""Browsers that a module's tests share: one Playwright at a time, as a thread can have no second."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.requirements import need

# As root, and without a screen or a way out.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Steers browsers."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, headless. Pages that are left wait in the back/forward cache, as they do for users."""
    browser = playwright.chromium.launch(
        executable_path=need("chromium", "chromium"),
        args=FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()
