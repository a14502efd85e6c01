"""What browsers and search engines ask of a host that they do not know, and what people see there first."""

import struct
import time
from collections.abc import Iterator
from xml.etree import ElementTree

import httpx
import pytest

from prisme.access.shares import Shares
from prisme.base.refusal import NOT_FOUND
from prisme.store.control import Control
from tests.e2e.callers import BY, PASSWORD
from tests.server import LiveServer

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module", params=["", "/stats"])
def root(request: pytest.FixtureRequest) -> str:
    path: str = request.param
    return path


@pytest.fixture(scope="module")
def server(root: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("contact"), base_path=root) as started:
        yield started


def test_icons(server: LiveServer, root: str) -> None:
    icon = server.http.get("/favicon.ico")
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/x-icon")
    _, kind, images = struct.unpack("<HHH", icon.content[:6])
    assert (kind, images, icon.content[6:8]) == (1, 1, bytes([32, 32]))
    size, offset = struct.unpack("<II", icon.content[14:22])
    assert icon.content[offset : offset + 8] == b"\x89PNG\r\n\x1a\n"
    assert offset + size == len(icon.content) < 2000
    drawing = server.http.get(f"{root}/static/icon.svg")
    assert (drawing.headers["content-type"], len(drawing.content) < 500) == ("image/svg+xml", True)
    assert ElementTree.fromstring(drawing.text).tag == "{http://www.w3.org/2000/svg}svg"
    assert icon.headers["cache-control"] == drawing.headers["cache-control"] == "public, max-age=86400"


def test_robots_are_asked_to_leave(server: LiveServer) -> None:
    robots = server.http.get("/robots.txt")
    assert (robots.text, robots.headers["content-type"]) == (
        "User-agent: *\nDisallow: /\n",
        "text/plain; charset=utf-8",
    )
    assert robots.headers["cache-control"] == "public, max-age=86400"


def test_pages_have_name_and_icons(server: LiveServer, root: str) -> None:
    _, key = Shares(Control(server.folder)).add(BY, "a.example", int(time.time()), password=PASSWORD)
    for path, status in (
        ("/login", 200),
        (f"/share?share={key}", 200),
        ("/share?share=x", 401),
        ("/setup?key=x", 401),
        ("/nowhere", 404),
    ):
        page = server.http.get(root + path, headers=BROWSER)
        assert page.status_code == status, path
        assert f'<a class="brand" href="{root}/"><svg' in page.text, path
        assert f'<link rel="icon" href="{root}/favicon.ico" sizes="32x32">' in page.text, path
        assert f'<link rel="icon" href="{root}/static/icon.svg" type="image/svg+xml">' in page.text, path
        assert "img-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/nowhere", "/dashboard/nowhere", "/static/nowhere.js", "/wp-login.php"])
def test_browsers_get_a_page_for_an_unknown_address(server: LiveServer, root: str, method: str, path: str) -> None:
    page = server.http.request(method, root + path, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert page.headers["x-prisme-error"] == NOT_FOUND.reason
    assert ("There is no page at this address." in page.text) == (method == "GET")
    assert (f'href="{root}/dashboard"' in page.text) == (method == "GET")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/nowhere", {}),
        ("GET", "/nowhere", {"Accept": "application/json"}),
        ("POST", "/nowhere", BROWSER),
        ("GET", "/api/v1/nowhere", BROWSER),
        ("GET", "/api/v1/events/nowhere", BROWSER),
    ],
)
def test_programs_get_a_text(server: LiveServer, root: str, method: str, path: str, headers: dict[str, str]) -> None:
    answer = server.http.request(method, root + path, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert answer.text == f"{NOT_FOUND.reason}\n"


def test_noscript_addresses_get_the_picture(server: LiveServer, root: str) -> None:
    answer = server.http.get(f"{root}/api/v1/noscript/nowhere", headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "image/gif")


def test_the_root_leads_to_the_log_in(server: LiveServer, root: str) -> None:
    with httpx.Client(base_url=server.url, follow_redirects=True, verify=False) as client:
        page = client.get(f"{root}/")
    assert (page.url.path, len(page.history)) == (f"{root}/login", 1)
    shared = server.http.get(f"{root}/?share=x")
    assert shared.headers.get("location", "") in {"", f"{root}/dashboard?share=x"}
