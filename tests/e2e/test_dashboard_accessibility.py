"""The dashboard for everybody, empty or full: what axe finds, and how it looks on any screen and on paper."""

import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from prisme import assets
from prisme.access.annotations import Annotations
from prisme.access.grants import operator
from prisme.access.shares import Shares
from prisme.access.sharing import KINDS, Sharing
from prisme.access.sites import SiteList
from prisme.access.views import Owner, Views
from prisme.store.control import Control
from tests.e2e.dashboard import IDN, ONE, Open, add_people, demo, log_in, open_menu, see
from tests.faults.load import LONG
from tests.requirements import miss, need
from tests.server import LiveServer, browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with demo(tmp_path_factory.mktemp("dashboard")) as live:
        control, now = Control(live.folder), int(time.time())
        for domain in (ONE, IDN):  # Settings have something to list.
            Shares(control).add(operator("test"), domain, now)
        sites = SiteList(control, (ONE,), ())
        for kind in KINDS:
            Sharing(control, sites).switch(operator("test"), ONE, kind, True, now)
        Annotations(control, sites).add(operator("test"), ONE, "Version 2 deployed " * 10, now)
        Views(control).save(Owner(account="ada"), "Readers from Germany " * 3, "country=DE")
        yield live


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return load_axe(tmp_path_factory.mktemp("axe"))


_AXE: dict[str, str] = {}


def load_axe(folder: Path) -> str:
    """axe-core's source, as the lock of the scripts' tools pins it."""
    if "source" not in _AXE:
        need("node", "nodejs")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(Path(assets.__file__).parent / "script" / name, folder)
        npm = [need("npm", "npm"), "--no-audit", "--no-fund", "--no-update-notifier", "ci", "--ignore-scripts"]
        done = subprocess.run(npm, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            miss(f"npm cannot install axe-core: {done.stderr}")
        _AXE["source"] = (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()
    return _AXE["source"]


@pytest.fixture(autouse=True)
def _axe_is_there(axe: str) -> None:
    """Fetched once, before a test needs it."""


RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def check_axe(page: Page, tags: tuple[str, ...] = RULES, within: str = "html") -> None:
    """Find nothing by the rules with these tags, in what a selector finds."""
    page.evaluate(_AXE["source"])
    found = page.evaluate("([within, tags]) => axe.run(within, {runOnly: tags})", [within, tags])
    assert found["passes"]
    told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]
    assert told == []


# Before the first session


def test_waiting_for_the_first_visit(chromium: Browser, tmp_path: Path) -> None:
    with LiveServer(tmp_path, origins="example.com") as live:
        add_people(live, "example.com")
        context = chromium.new_context(timezone_id="UTC")
        log_in(context, live, "ada")
        page = context.new_page()
        page.goto(f"{live.url}/dashboard")
        assert f'<script src="{live.url}/static/wa.js" defer></script>' in page.locator("pre").inner_text()
        assert "example.com" in page.locator("#main").inner_text()
        refused = live.http.post("/api/v1/events/pageviews", headers=browser("https://other.org/"))
        assert refused.status_code == 400
        expect(page.locator("dl")).to_contain_text("origin not registered (1)", timeout=15_000)
        expect(page.locator("dl")).to_contain_text("add it on the page Sites")
        check_axe(page)
        see(live, "https://example.com/first", "First")
        expect(page.locator("#pages table.list")).to_contain_text("/first", timeout=15_000)
        assert page.locator("#health").inner_text().count("origin not registered") == 1
        viewer = chromium.new_context(java_script_enabled=False)
        log_in(viewer, live, "vic")
        viewer.new_page().goto(f"{live.url}/dashboard")
        context.close()
        viewer.close()


def test_a_period_without_visits(plain: Open) -> None:
    page = plain("/dashboard?path=/nowhere")
    assert "No sessions match these filters" in page.locator(".empty").inner_text()
    page.goto(page.url.replace("path=/nowhere", "from=2020-01-01&to=2020-01-02"))
    assert "Choose a longer period" in page.locator(".empty").inner_text()


# Pages and their menus


BACKGROUND = "getComputedStyle(document.body).backgroundColor"
KINDS_OF_PAGES = [
    f"/dashboard?domain={ONE}&path=/pricing&country=!DE&sources=top-utm-campaigns&technology=top-devices",
    "/dashboard?path=/nowhere",
    f"/dashboard/live?domain={ONE}&country=!DE",
    "/dashboard/filter?filter=path&value=/nowhere&country=DE",
    "/dashboard/list?name=top-pages&period=90d",
    "/dashboard?period=never",
    "/dashboard/row?list=top-pages&key=/pricing&period=90d",
    "/dashboard/list?name=nothing",
    "/sites",
    f"/site?host={ONE}",
    f"/site/data?host={ONE}",
    f"/site/goals?host={ONE}",
    f"/dashboard/share?domain={ONE}",
    f"/dashboard?public={ONE}&embed=1&period=today&metric=bounce-rate&compare=none",
    *(f"/settings/{name}" for name in ("account", "users", "tokens", "shares", "imports", "audit")),
    "/sql",
]
OTHER_STATES = [
    "/dashboard",
    "/dashboard?period=all&events=custom-properties&property=plan&metric=events",
    "/dashboard/list?name=top-pages&search=nothing+like+it",
    "/sites?search=nothing",
]


@pytest.fixture(scope="module")
def tab(chromium: Browser, server: LiveServer) -> Iterator[Page]:
    """One for all pages that are only looked at, of somebody who is logged in."""
    with chromium.new_context(timezone_id="UTC") as context:
        log_in(context, server, "ada")
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page


@pytest.mark.parametrize("path", [*KINDS_OF_PAGES, *(OTHER_STATES if LONG else ())])
def test_axe_finds_nothing_and_nothing_is_cut_off(tab: Page, server: LiveServer, path: str) -> None:
    """In the dark, only colours differ. Nothing that the page's script does depends on the width."""
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.emulate_media(color_scheme="light")
    tab.goto(server.url + path)
    check_axe(tab)
    light = tab.evaluate(BACKGROUND)
    tab.emulate_media(color_scheme="dark")
    assert tab.evaluate(BACKGROUND) != light
    check_axe(tab, ("cat.color",))
    tab.set_viewport_size({"width": 320, "height": 600})
    check_width(tab)


def check_width(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_axe_finds_nothing_in_a_result_of_sql(visit: Open) -> None:
    page = visit("/sql")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("img", name="visitors by day")).to_be_visible()
    page.locator("details").first.locator("summary").click()
    check_axe(page)
    page.set_viewport_size({"width": 320, "height": 600})
    check_width(page)


@pytest.mark.parametrize("path", ["/login", "/setup", "/share?share=prshare_none"])
def test_axe_finds_nothing_before_log_in(chromium: Browser, server: LiveServer, path: str) -> None:
    page = chromium.new_page()
    page.goto(server.url + path)
    check_axe(page)
    page.close()


def test_axe_finds_nothing_in_open_menus(visit: Open) -> None:
    page = visit(f"/dashboard?domain={ONE}")
    for name in (ONE, "Last 28 days", "vs.", "Filter", "Views", "More", "ada"):
        open_menu(page, name)
        if name == "Filter":
            page.fill("#filter-value", "BLOG")
            expect(page.locator("#filter-options li").nth(1)).to_be_visible()
            page.keyboard.press("ArrowDown")
        check_axe(page, within="details.menu[open]")
        page.keyboard.press("Escape")
    page.locator("#pages td > a").first.click()
    expect(page.locator("tr.details caption").first).to_be_visible()
    check_axe(page, within="#pages")
    page.keyboard.press("?")
    check_axe(page, within="dialog[open]")


@pytest.mark.parametrize("scale", [1, 2])
def test_nothing_is_cut_off_on_a_small_screen(visit: Open, scale: int) -> None:
    """640 pixels at 200% have the same layout: one page shows whether the larger pixels matter."""
    check_width(visit("/dashboard", viewport={"width": 320, "height": 600}, device_scale_factor=scale))


def test_touch_targets(visit: Open) -> None:
    page = visit(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    small = page.evaluate(
        """[...document.querySelectorAll("a, button, summary, input, select")]
        .filter(one => one.checkVisibility() && !one.closest(".skip, .vh, .map"))  // the table has the map's links
        .map(one => [one.textContent.trim().slice(0, 30), one.getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
        .map(([text, box]) => [text, box.width, box.height])"""
    )
    assert small == []


def test_motion_and_contrast_are_as_wished(visit: Open) -> None:
    page = visit(reduced_motion="reduce")
    moves = "getComputedStyle(document.querySelector('.pulse')).animationName"
    quiet = "getComputedStyle(document.querySelector('.what')).color === getComputedStyle(document.body).color"
    assert page.evaluate(moves) == "none"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moves) == "pulse"
    assert not page.evaluate(quiet)
    page.emulate_media(contrast="more")
    assert page.evaluate(quiet)


def test_print_leaves_out_what_paper_cannot_do(visit: Open) -> None:
    page = visit()
    page.emulate_media(media="print")
    for selector in (".controls", ".tabs", ".links", ".more"):
        assert page.locator(selector).first.is_hidden()
    assert page.locator("#tiles").is_visible()
    # Backgrounds are left out of print, unless they are the figures.
    assert page.locator(".week td.l5").first.evaluate("cell => getComputedStyle(cell).printColorAdjust") == "exact"
    weekday, first = (page.locator(f".week tbody tr:first-child {cell}").first.bounding_box() for cell in ("th", "td"))
    assert weekday
    assert first
    assert weekday["x"] + weekday["width"] <= first["x"] + 1


def test_the_printed_footer_covers_no_panel(visit: Open) -> None:
    """Whichever is the longest of the last ones: those of admins have one more, which is not printed."""
    page = visit()
    page.emulate_media(media="print")
    page.evaluate(
        """() => {
          const long = document.createElement("div");
          long.id = "long";
          long.style.height = "40em";
          document.querySelector(".panels > :nth-last-child(3)").append(long);
        }"""
    )
    (long, height), (footer, _) = place(page.locator("#long")), place(page.locator(".foot"))
    assert footer >= long + height


def test_buttons_are_told_from_text_by_forced_colors(visit: Open) -> None:
    page = visit("/dashboard/list?name=top-pages", forced_colors="active")
    button = page.locator("main").get_by_role("button", name="Search")
    assert button.evaluate("(one) => getComputedStyle(one).borderTopStyle") == "solid"


def test_no_printed_page_has_the_footer_alone(visit: Open) -> None:
    """Even where the last panels just fit on their page."""
    page = visit("/dashboard?period=7d")

    def print_with(filler: int) -> list[int]:
        page.evaluate(f"document.querySelector('.panels > :last-child').style.minHeight = '{filler}px'")
        return count_texts(page.pdf(format="A4"))

    pages, low, high = len(print_with(0)), 0, 1000
    while high - low > 8:
        middle = (low + high) // 2
        low, high = (low, middle) if len(print_with(middle)) > pages else (middle, high)
    *_, last = print_with(high)
    assert last > 8, "the footer has no more texts than that"


def count_texts(pdf: bytes) -> list[int]:
    """The number of texts of each page of a PDF that Chromium made."""
    found = []
    for number in re.findall(rb"/Type /Page\n.*?/Contents (\d+) 0 R", pdf, re.DOTALL):
        stream = re.search(rb"\n" + number + rb" 0 obj\s*<<.*?>>\s*stream\r?\n", pdf, re.DOTALL)
        assert stream
        found.append(zlib.decompressobj().decompress(pdf[stream.end() :]).count(b"Tj"))
    return found


@pytest.mark.parametrize("touch", [False, True])
def test_a_phone_has_a_short_page_and_keeps_the_controls_in_view(visit: Open, touch: bool) -> None:
    page = visit(viewport={"width": 360, "height": 740}, has_touch=touch, is_mobile=touch)
    assert page.evaluate("document.documentElement.scrollHeight") <= 3200
    assert page.locator("#pages table.list tbody tr:visible").count() == (3 if touch else 5)
    tiles, bar = page.locator("#tiles"), page.locator(".sticky")
    assert place(tiles)[0] <= 110, "the header has more than two rows"
    page.evaluate("scrollTo(0, 1500)")
    top, height = place(bar)
    assert (top, height <= 60) == (0, True)
    page.goto(page.url + "?country=!DE&path=/*&browser=!Nothing&os=!Nothing")
    page.evaluate("scrollTo(0, 1500)")
    top, height = place(bar)
    assert (top, height <= 110) == (0, True), "the bar has more than two rows"


@pytest.mark.parametrize(
    ("width", "touch", "dates"),
    [
        (360, True, "from=2025-12-28&to=2026-10-19"),
        (360, False, "from=2026-09-01&to=2026-10-30"),
        (320, True, "from=2025-12-28&to=2026-10-19"),
        (360, True, "period=last-month"),
    ],
)
def test_the_dates_of_a_past_period_are_whole_on_a_phone(visit: Open, width: int, touch: bool, dates: str) -> None:
    page = visit(f"/dashboard?{dates}", viewport={"width": width, "height": 740}, has_touch=touch, is_mobile=touch)
    shown = page.locator(".period summary").first
    assert shown.evaluate("(one) => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight")
    assert shown.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") >= 11
    assert page.evaluate("document.documentElement.scrollWidth") == width


def place(one: Locator) -> tuple[float, float]:
    """Where on the screen it begins, and its height."""
    box = one.bounding_box()
    assert box
    return box["y"], box["height"]
