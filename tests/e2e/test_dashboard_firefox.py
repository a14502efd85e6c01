"""The main paths of the dashboard in Firefox, by real clicks: tiles, rows, the chart, whole lists, the live page."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.store.control import Control
from tests.e2e.dashboard import see
from tests.e2e.marionette import KEYS, Firefox, firefox
from tests.server import LiveServer, wait_until

HOST = "firefox.example.com"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard of three visits, by a share link."""
    with LiveServer(tmp_path_factory.mktemp("firefox")) as server:
        for name, path in zip(("One", "Two", "Three"), ("/", "/", "/pricing"), strict=True):
            see(server, f"https://{HOST}{path}", name, "https://www.example.org/")
        _, key = Shares(Control(server.folder)).add(operator("test"), HOST, int(time.time()))
        yield f"{server.url}/dashboard?tz=UTC&period=7d&share={key}"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def shows(page: Firefox, text: str, selector: str = "main") -> None:
    script = f"return document.querySelector('{selector}')?.innerText ?? ''"
    wait_until(lambda: text in page.run(script), text)


def parameter(page: Firefox, name: str) -> str | None:
    found: str | None = page.run(f"return new URLSearchParams(location.search).get('{name}')")
    return found


def test_a_tile_drives_chart_and_lists(page: Firefox, address: str) -> None:
    page.open(address)
    page.run("window.stays = true")
    shows(page, "Visitors", "#pages thead")
    page.click("#tiles li:nth-child(3) a")
    shows(page, "Pageviews", "#pages thead")
    shows(page, "Pageviews by day", "#chart figcaption")
    assert parameter(page, "metric") == "pageviews"
    assert page.run("return window.stays")  # the same document


def test_a_row_filters_and_opens_in_place(page: Firefox, address: str) -> None:
    page.open(address)
    page.click("#pages tbody td > a")
    shows(page, "Next page", "#pages")
    page.click("#pages tbody .name > a")
    shows(page, "Page is /", ".chips")
    page.click(".chips a")
    wait_until(lambda: page.run("return !document.querySelector('.chips')"), "no chip")
    page.run("history.back()")
    shows(page, "Page is /", ".chips")


def test_the_chart_is_read_by_keyboard(page: Firefox, address: str) -> None:
    page.open(address)
    page.type("#plot", KEYS["ArrowLeft"])
    shows(page, "Visitors", ".tip")
    assert "incomplete): 3" in page.run("return document.querySelector('#spoken').innerText")


def test_whole_lists_are_sorted(page: Firefox, address: str) -> None:
    page.open(address)
    page.click("#pages .links a")
    shows(page, "2 rows", "main")
    assert page.run("return document.querySelector('tbody .name').innerText") == "/"
    page.click("thead th:first-child a")
    wait_until(lambda: parameter(page, "sort") is not None, "another order")


def test_the_live_page(page: Firefox, address: str, tmp_path: Path) -> None:
    page.open(address)
    page.click("#live a")
    shows(page, "Visitors by minute")
    shows(page, "/pricing")
