"""An access log from the upload to the figures and back, with the real command in a process of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.dashboard import add_people, log_in, logged_in, rows
from tests.e2e.test_dashboard_accessibility import check_axe, check_width, load_axe
from tests.e2e.uploading import PAGE, do, leftovers, shown, upload, wait_for
from tests.server import CHROME, LiveServer, wait_until

LOG = "".join(
    f'203.0.113.{number} - - [0{number}/Feb/2026:10:00:0{number} +0000] "GET /page-{number} HTTP/1.1" 200 100 '
    f'"https://search.example/" "{CHROME}"\n'
    for number in range(1, 4)
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path) as live:
        add_people(live, "example.com")
        yield live


@pytest.fixture
def ada(server: LiveServer) -> Iterator[httpx.Client]:
    with logged_in(server, "ada") as client:
        yield client


def count(server: LiveServer) -> int:
    ((found,),) = server.rows("SELECT count(*) FROM sessions")
    return int(found)


def test_a_log_is_imported_and_undone(server: LiveServer, ada: httpx.Client) -> None:
    sent = upload(ada, ("access.log", f"{LOG}nothing\n".encode()), format="auto", site="example.com")
    assert sent.status_code == 303
    page = wait_for(ada, "What would be imported")
    assert "Read as: Access logs of a web server" in page
    assert "Rows read 4" in page
    assert "Sessions 3" in page
    assert "1 to 3 Feb 2026" in page
    assert "1 line that cannot be read" in page
    assert count(server) == 0
    do(ada, "import")
    page = wait_for(ada, "Show it on the dashboard")
    assert "access-log-1 Access logs of a web server access.log 1 to 3 Feb 2026 3 3 0 0 Complete" in page
    assert count(server) == 3
    wait_until(lambda: not leftovers(server), "the files to be removed")
    (link,) = set(
        re.findall(r'href="(/dashboard\?[^"]*imported=[^"]+)"', ada.get("/settings/imports").text.replace("&amp;", "&"))
    )
    assert ada.get(link).status_code == 200

    upload(ada, ("access.log", LOG.encode()), format="access-log", site="example.com")
    assert "There is nothing to import." in wait_for(ada, "What would be imported")
    do(ada, "discard")

    question = do(ada, "undo", name="access-log-1")
    assert "Undo access-log-1?" in question.text
    assert count(server) == 3
    do(ada, "undo", name="access-log-1", sure="1")
    assert "No imports yet." in wait_for(ada, "Undone:")
    assert count(server) == 0
    entries = ada.get("/api/v1/audit").json()["audit"]
    told = [(one["actor"], one["action"], one["subject"]) for one in entries if one["action"].startswith("data.")]
    assert told[0] == ("user:ada", "data.undo", "access-log-1")
    assert ("user:ada", "data.import", "access-log") in told


def test_the_command_says_what_is_wrong(ada: httpx.Client) -> None:
    upload(ada, ("odd.bin", b"\0\1\2"))
    page = wait_for(ada, "The files cannot be read")
    assert "odd.bin looks like no format that Prisme reads" in page
    assert "upload-" not in page
    do(ada, "discard")
    upload(ada, ("odd.bin", b"\0\1\2"), format="goatcounter")
    page = wait_for(ada, "The files cannot be read")
    assert "does not say which site it is of" in page
    do(ada, "read", format="access-log", zone="Mars/Base")
    assert "Mars/Base is no time zone" in wait_for(ada, "Mars/Base is")
    do(ada, "discard")
    wait_until(lambda: "The files cannot be read" not in shown(ada), "the upload to be gone")


def test_undoing_in_a_browser(chromium: Browser, server: LiveServer, ada: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "axe").mkdir()
    load_axe(tmp_path / "axe")
    upload(ada, (f"{'access-' * 10}.log", LOG.encode()), site="example.com")
    wait_for(ada, "What would be imported")
    do(ada, "import")
    wait_for(ada, "Show it on the dashboard")
    with chromium.new_context() as context:
        log_in(context, server, "ada")
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{server.url}{PAGE}")
        check(page)
        page.get_by_role("button", name="Undo access-log-1").click()
        page.get_by_role("heading", name="Undo access-log-1?").wait_for()
        check(page)
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("link", name="access-log-1").click()
        page.wait_for_url("**/dashboard?**")
        assert sorted(rows(page, "pages")) == [("/page-1", "1"), ("/page-2", "1"), ("/page-3", "1")]
        page.goto(f"{server.url}{PAGE}")
        page.get_by_role("button", name="Undo access-log-1").click()
        page.get_by_role("button", name="Undo", exact=True).click()
        page.get_by_text("No imports yet.").wait_for()
        check(page)
    assert count(server) == 0


def check(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    check_axe(page)
    page.set_viewport_size({"width": 320, "height": 600})
    check_width(page)
