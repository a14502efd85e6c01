"""The page of imports in a browser: with and without JavaScript, by keyboard, for assistive technology, on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from prisme.runtime.freespace import FreeSpace
from prisme.wiring import reading
from tests.e2e import import_program
from tests.e2e.dashboard import add_people, log_in
from tests.e2e.test_dashboard_accessibility import check_axe, check_width, load_axe
from tests.e2e.uploading import PAGE, leftovers
from tests.server import LiveServer, wait_until

WAITS = '{{"wait": 600, "waits-for": "{}"}}'


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    monkeypatch.setattr(reading, "IMPORT_COMMAND", import_program.COMMAND)
    with LiveServer(tmp_path / "data") as live:
        add_people(live, "example.com")
        yield live


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def page(chromium: Browser, server: LiveServer, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page of imports; `evaluate` works in both."""
    with chromium.new_context(java_script_enabled=request.param) as context:
        log_in(context, server, "ada")
        opened = context.new_page()
        opened.set_default_timeout(30_000)
        opened.goto(f"{server.url}{PAGE}")
        yield opened


@pytest.fixture
def scripted(chromium: Browser, server: LiveServer) -> Iterator[Page]:
    with chromium.new_context() as context:
        log_in(context, server, "ada")
        opened = context.new_page()
        opened.set_default_timeout(30_000)
        opened.goto(f"{server.url}{PAGE}")
        yield opened


def choose(page: Page, *texts: str) -> None:
    files = [
        {"name": f"{number}.csv", "mimeType": "text/csv", "buffer": text.encode()}
        for number, text in enumerate(texts, start=1)
    ]
    page.get_by_label("Files, also compressed").set_input_files(files)  # type: ignore[arg-type]


def send(page: Page) -> None:
    page.get_by_role("button", name="Upload and look").click()


def test_upload_and_import(page: Page, server: LiveServer) -> None:
    """The page goes on by itself."""
    page.get_by_label("Format").select_option("goatcounter")
    page.get_by_label("Site, where").fill("example.com")
    choose(page, '{"rows": 3}', '{"rows": 4}')
    send(page)
    page.get_by_role("heading", name="What would be imported").wait_for()
    assert page.url == f"{server.url}{PAGE}"
    assert "1.csv, 2.csv" in page.locator("main").inner_text()
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("heading", name="Imported").wait_for()
    link = page.get_by_role("link", name="Show it on the dashboard")
    assert f"imported={import_program.NAME}" in str(link.get_attribute("href"))


def test_what_is_under_way_can_be_stopped(page: Page, server: LiveServer) -> None:
    choose(page, WAITS.format("dry-run"))
    send(page)
    page.get_by_text("Nothing is imported yet.").wait_for()
    expect(page.get_by_role("button", name="Upload and look")).to_have_count(0)
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Upload and look").wait_for()
    wait_until(lambda: not leftovers(server), "the files to be removed")
    choose(page, WAITS.format("yes"))
    send(page)
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("Importing 1 file (").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The import stopped: it was cancelled.").wait_for()


def test_a_refusal_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has the last word."""
    monkeypatch.setattr(FreeSpace, "room", lambda _: 0)
    choose(page, "{}")
    send(page)
    page.get_by_role("alert").filter(has_text="the disk is almost full").wait_for()


def test_too_large_files_are_not_sent(scripted: Page, server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FreeSpace, "room", lambda _: 2000)
    scripted.reload()
    sent: list[str] = []
    scripted.on("request", lambda request: sent.append(request.method))
    choose(scripted, "x" * 600, "x" * 401)
    send(scripted)
    scripted.get_by_role("alert").filter(has_text="The files are too large.").wait_for()
    assert "POST" not in sent
    choose(scripted, '{"rows": 1}', "")
    send(scripted)
    scripted.get_by_role("heading", name="What would be imported").wait_for()


def test_an_upload_that_fails_is_told(scripted: Page) -> None:
    scripted.route(f"**{PAGE}/upload", lambda route: route.abort())
    choose(scripted, "{}")
    send(scripted)
    scripted.get_by_role("alert").filter(has_text="The upload failed: try again.").wait_for()
    assert scripted.get_by_role("button", name="Upload and look").is_enabled()


def test_the_bar_moves(scripted: Page) -> None:
    """It is shown while bytes are sent, and the button waits."""
    scripted.evaluate(
        """() => {
            window.seen = [];
            const send = XMLHttpRequest.prototype.send;
            XMLHttpRequest.prototype.send = function (body) {
                const bar = document.querySelector("form[data-upload] progress");
                const note = () => seen.push([bar.parentElement.hidden, bar.value, bar.nextElementSibling.textContent]);
                note();
                this.upload.addEventListener("progress", note);
                this.onload = () => {};
                send.call(this, body);
            };
        }"""
    )
    choose(scripted, "{}\n" + "x" * 3_000_000)
    send(scripted)
    wait_until(lambda: scripted.evaluate("seen.at(-1)[2] === '100%'"), "the end of the upload")
    seen = scripted.evaluate("seen")
    assert seen[0] == [False, 0, ""]
    assert seen[-1] == [False, 1, "100%"]
    assert scripted.get_by_role("button", name="Upload and look").is_disabled()


def test_by_keyboard(scripted: Page, server: LiveServer) -> None:
    choose(scripted, "{}")
    press_to(scripted, "Upload and look")
    scripted.get_by_role("heading", name="What would be imported").wait_for()
    press_to(scripted, "Import")
    scripted.get_by_role("heading", name="Imported").wait_for()


def press_to(page: Page, button: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator("button:focus")
        if focused.count() and focused.inner_text() == button:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"no key leads to {button}")


def test_the_focus_stays_while_the_page_goes_on(scripted: Page) -> None:
    choose(scripted, WAITS.format("dry-run"))
    send(scripted)
    scripted.get_by_role("button", name="Discard").focus()
    with scripted.expect_response(lambda response: response.url.endswith(PAGE)):
        pass
    wait_until(lambda: not scripted.locator("main[aria-busy=true]").count(), "the page to be replaced")
    assert scripted.locator("button:focus").inner_text() == "Discard"


def test_axe_finds_nothing_in_any_state(scripted: Page, tmp_path: Path) -> None:
    (tmp_path / "axe").mkdir()
    load_axe(tmp_path / "axe")

    def check() -> None:
        scripted.set_viewport_size({"width": 1280, "height": 720})
        check_axe(scripted)
        scripted.set_viewport_size({"width": 320, "height": 600})
        check_width(scripted)

    choose(scripted, '{"fault": "an-odd-' + "x" * 300 + '"}')
    send(scripted)
    scripted.get_by_role("heading", name="The files cannot be read").wait_for()
    check()
    scripted.get_by_role("button", name="Discard").click()
    text = "y" * 200
    line = f'{{"file": "{"z" * 90}.log", "number": 1, "why": "odd", "text": "{text}"}}'
    sites = f'{{"{"a" * 60}.{"b" * 60}.example.com": 5}}'
    choose(scripted, f'{{"wait": 600, "report": {{"sites": {sites}, "bad_lines": [{line}]}}}}')
    send(scripted)
    scripted.get_by_role("heading", name="What would be imported").wait_for()
    check()
    scripted.get_by_text("Read the files in another way").click()
    check()
    scripted.get_by_role("button", name="Import", exact=True).click()
    scripted.get_by_text("Importing 1 file (").wait_for()
    check()
