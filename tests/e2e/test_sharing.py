"""What an admin makes public of a site: its dashboard, the same in frames of its pages, a badge; and share links."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from prisme.access import audit
from prisme.access.shares import Shares
from prisme.stats.figures import NAMES
from prisme.store.control import Control
from tests.e2e.callers import WIDE, sum_figures
from tests.e2e.dashboard import add_people, logged_in
from tests.e2e.sites import Sites
from tests.server import CHROME, LiveServer

SHOP, ALIAS, OTHER, IDN = "shop.localhost", "www.shop.localhost", "other.localhost", "xn--bcher-kva.example"
ORIGINS = f"{SHOP},{OTHER},{IDN},*.wild.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with two visits of one site, of which one is to a port, and one of each other site."""
    folder = tmp_path_factory.mktemp("sharing")
    with LiveServer(folder, origins=ORIGINS, aliases=f"{ALIAS}={SHOP}", bot_filter="off") as live:
        add_people(live, SHOP)
        pages = (f"{SHOP}/mine", f"{SHOP}:8080/mine", f"{OTHER}/theirs", f"{IDN}/theirs", "a.wild.example/theirs")
        for number, page in enumerate(pages):
            headers = {
                "Origin": f"https://{page.partition('/')[0]}",
                "X-Prisme-Referrer": f"https://{page}",
                "User-Agent": f"{CHROME} {number}",
            }
            assert live.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
        live.settle()
        yield live


@pytest.fixture(autouse=True)
def all_is_off_at_first(ada: httpx.Client) -> None:
    for kind in ("public", "embed", "badge"):
        turn(ada, kind, "0")


def turn(ada: httpx.Client, kind: str, on: str = "1", host: str = SHOP) -> httpx.Response:
    return ada.post(f"/site?host={host}", data={"do": "switch", "kind": kind, "on": on})


def test_all_is_off_and_nobody_learns_which_sites_exist(server: LiveServer) -> None:
    pages = ("/dashboard?public={}", "/dashboard?embed=1&public={}", "/dashboard/list?name=top-pages&public={}")
    paths = (*pages, "/api/v1/stats/visitors?public={}", "/public/{}", "/badge/{}.svg")
    for path in paths:
        hosts = (SHOP, "nowhere.example", "*.wild.example", "a.wild.example", f"{SHOP}:8080", "%20", "[")
        answers = [server.http.get(path.format(host)) for host in hosts]
        assert {answer.status_code for answer in answers} == {404}, path
        assert len({answer.text for answer in answers}) == 1, path


def test_public_dashboard_is_for_everybody_and_for_one_site(server: LiveServer, ada: httpx.Client) -> None:
    assert turn(ada, "public").headers["location"] == f"/site?host={SHOP}&done=on"
    address = re.search(r'<code id="public-address">([^<]+)', ada.get(f"/site?host={SHOP}").text)
    assert address
    assert address[1] == f"{server.url}/public/{SHOP}"
    leading = httpx.get(address[1])
    assert leading.headers["location"] == f"/dashboard?public={SHOP}"
    shown = httpx.get(address[1] + "?period=7d&tz=Europe/Paris", follow_redirects=True)
    assert shown.status_code == 200
    assert "All times are in Europe/Paris" in shown.text
    assert "Public dashboard" in shown.text
    assert "/mine" in shown.text
    for hidden in ("theirs", OTHER, "Save this view", "Create share link", "Log out", 'id="health"', 'href="/settings'):
        assert hidden not in shown.text, hidden
    assert shown.headers["x-robots-tag"] == "noindex"
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
    assert "set-cookie" not in shown.headers
    for host in (ALIAS, SHOP.upper()):
        assert httpx.get(f"{server.url}/public/{host}", follow_redirects=True).status_code == 200
    # With a log-in or a token, the page is still the same.
    assert OTHER not in ada.get(f"/dashboard?public={SHOP}").text
    assert server.http.get(f"/public/{SHOP}", headers=server.make_token(OTHER)).status_code == 303
    assert server.http.get(f"/dashboard?public={SHOP}&share=x").status_code == 400
    turn(ada, "public", "0")
    assert httpx.get(address[1]).status_code == 404
    with Control(server.folder).read() as connection:
        entries = [one for one in audit.read(connection, 10, 0) if one.action.startswith("site.public")]
    assert [(one.actor, one.action, one.subject) for one in entries[:2]] == [
        ("user:ada", "site.public.off", SHOP),
        ("user:ada", "site.public.on", SHOP),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_of_other_sites_is_public(server: LiveServer, ada: httpx.Client, name: str) -> None:
    turn(ada, "public")
    ask = {**WIDE, "public": SHOP}
    mine = server.http.get(f"/api/v1/stats/{name}", params=ask)
    assert mine.status_code == 200, mine.text
    assert "theirs" not in mine.text
    assert OTHER not in mine.text
    if name in {"visitors", "pageviews", "sessions"}:
        assert sum_figures(mine.json()) == 2  # with the one to a port
    for domain in ("*", f"!{SHOP}", f"*{OTHER}"):
        answer = server.http.get(f"/api/v1/stats/{name}", params={**ask, "domain": domain})
        assert answer.status_code == 200
        assert "theirs" not in answer.text
    assert server.http.get(f"/api/v1/stats/{name}", params={**ask, "domain": OTHER}).status_code == 403


def test_links_of_the_public_dashboard_stay_within_it(server: LiveServer, ada: httpx.Client) -> None:
    turn(ada, "public")
    first = server.http.get(f"/dashboard?public={SHOP}&period=24h")
    links = {link.replace("&amp;", "&") for link in re.findall(r'(?:href|data-live)="(/[^"]*)"', first.text)}
    followed = {link for link in links if link.startswith(("/dashboard", "/api"))}
    assert len(followed) > 50
    assert all(f"public={SHOP}" in link for link in followed)
    by_path = {link.partition("?")[0]: link for link in sorted(followed)}
    assert len(by_path) > 10
    for link in by_path.values():
        answer = server.http.get(link)
        assert answer.status_code == 200, link
        assert "theirs" not in answer.text
    assert f'name="public" value="{SHOP}"' in first.text
    led = server.http.get("/dashboard/filter", params={"filter": "path", "value": "/mine", "public": SHOP})
    assert f"public={SHOP}" in led.headers["location"]


def test_switches_are_for_single_hosts_and_admins(server: LiveServer, ada: httpx.Client) -> None:
    assert "single hosts" in ada.get("/site?host=*.wild.example").text
    assert turn(ada, "public", host="*.wild.example").status_code == 400
    assert turn(ada, "everything").status_code == 400
    assert turn(ada, "public", host=ALIAS).status_code == 404
    with logged_in(server, "vic") as vic:
        assert turn(vic, "public").status_code == 403
    turn(ada, "public", host=IDN)
    assert server.http.get("/public/bücher.example").headers["location"] == f"/dashboard?public={IDN}"
    ada.post("/sites", data={"host": "brief.example"})
    turn(ada, "badge", host="brief.example")
    assert server.http.get("/badge/brief.example.svg").status_code == 200
    ada.post("/site?host=brief.example", data={"do": "remove"})
    ada.post("/sites", data={"host": "brief.example"})
    assert "Badge: off" in ada.get("/site?host=brief.example").text


def test_only_pages_of_the_site_may_frame_it(server: LiveServer, ada: httpx.Client, chromium: Browser) -> None:
    turn(ada, "embed")
    page_text = ada.get(f"/site?host={SHOP}").text
    line = re.search(r'<code id="embed-line">([^<]+)', page_text)
    assert line
    frame = line[1].replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"').replace("&amp;", "&")
    assert server.http.get(f"/dashboard?public={SHOP}").status_code == 404
    shown = server.http.get(f"/dashboard?public={SHOP}&embed=1")
    policy = shown.headers["content-security-policy"]
    assert f"frame-ancestors http://{SHOP}:* https://{SHOP}:* http://{ALIAS}:* https://{ALIAS}:*" in policy
    assert "x-frame-options" not in shown.headers
    assert server.http.get(f"/dashboard?public={SHOP}&embed=2").status_code == 404
    with logged_in(server, "ada") as client:
        assert client.get("/dashboard?embed=1").status_code == 400
        assert "frame-ancestors 'none'" in client.get("/dashboard").headers["content-security-policy"]
    with Sites(server.url) as sites:
        pages = {}
        for host in (SHOP, ALIAS, OTHER):
            context = chromium.new_context(timezone_id="Asia/Tokyo")
            pages[host] = context.new_page()
            pages[host].goto(sites.publish(f"{host}:{sites.port}", "/about", f"<!doctype html>{frame}"))
        for host in (SHOP, ALIAS):
            inside = pages[host].frame_locator("iframe")
            expect(inside.locator("footer")).to_contain_text("Asia/Tokyo")
            expect(inside.locator("#tiles")).to_be_visible()
            expect(inside.locator("header")).to_have_count(0)
            inside.locator("#pages table.list .name a").first.click()
            expect(inside.locator(".chips")).to_contain_text("/mine")
            assert pages[host].context.cookies() == []
        wrong = pages[OTHER].frames[1]
        assert "Visitors" not in wrong.content()
        for page in pages.values():
            page.context.close()


def test_badge_counts_once_a_minute_and_ends_with_its_switch(server: LiveServer, ada: httpx.Client) -> None:
    turn(ada, "badge")
    badge = server.http.get(f"/badge/{SHOP}.svg")
    assert badge.status_code == 200
    assert badge.headers["content-type"] == "image/svg+xml"
    assert badge.headers["cache-control"] == "public, max-age=60"
    assert "default-src 'none'" in badge.headers["content-security-policy"]
    image = ET.fromstring(badge.text)
    assert image.attrib["aria-label"] == "visitors, 28 days: 2"
    told = server.http.get(f"/badge/{SHOP}.svg?period=7d&metric=pageviews").text
    assert 'aria-label="pageviews, 7 days: 2"' in told
    assert server.http.get(f"/badge/{ALIAS}.svg").text == badge.text
    headers = {"Origin": f"https://{SHOP}", "X-Prisme-Referrer": f"https://{SHOP}/new", "User-Agent": f"{CHROME} new"}
    assert server.http.post("/api/v1/events/pageviews", headers=headers).status_code == 200
    server.settle()
    assert server.http.get(f"/badge/{SHOP}.svg").text == badge.text
    assert ": 3" in server.http.get(f"/badge/{SHOP}.svg?period=today").text
    for wrong in ("period=30d", "metric=sessions", "x=1", "period="):
        assert server.http.get(f"/badge/{SHOP}.svg?{wrong}").status_code == 400, wrong
    for path in (f"/badge/{SHOP}", f"/badge/{SHOP}.png", f"/badge/{OTHER}.svg"):
        assert server.http.get(path).status_code == 404
    assert server.http.get(f"/dashboard?public={SHOP}").status_code == 404
    turn(ada, "badge", "0")
    assert server.http.get(f"/badge/{SHOP}.svg").status_code == 404


def test_badge_ends_with_its_site(server: LiveServer, ada: httpx.Client) -> None:
    gone, alias = "gone.localhost", "www.gone.localhost"
    ada.post("/sites", data={"host": gone})
    ada.post(f"/site?host={gone}", data={"do": "alias", "alias": alias})
    turn(ada, "badge", host=gone)
    for host in (gone, alias):
        assert server.http.get(f"/badge/{host}.svg").status_code == 200
    assert ada.post(f"/site?host={gone}", data={"do": "remove"}).status_code == 303
    for host in (gone, alias):
        assert server.http.get(f"/badge/{host}.svg").status_code == 404


def test_share_links_are_asked_first_and_copied(server: LiveServer, ada: httpx.Client, chromium: Browser) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.add_cookies([{"name": "prisme_login", "value": ada.cookies["prisme_login"], "url": server.url}])
    page: Page = context.new_page()
    page.goto(f"{server.url}/dashboard?domain={SHOP}")
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Create share link").click()
    expect(page.get_by_role("heading")).to_have_text(f"Create a share link for {SHOP}?")
    assert Shares(Control(server.folder)).list() == []
    page.get_by_label("Expires").fill("soon")
    page.get_by_role("button", name="Create share link").click()
    expect(page.get_by_role("alert")).to_contain_text("is no end, such as 30d")
    page.get_by_label("Expires").fill("30d")
    page.get_by_role("button", name="Create share link").click()
    expect(page.get_by_role("heading")).to_have_text(f"Share link for {SHOP}")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{server.url}/share?share=")
    assert httpx.get(link, follow_redirects=True).status_code == 200
    page.goto(f"{server.url}/site?host={SHOP}")
    listed = page.locator("li", has_text="created").first
    expect(listed).to_contain_text(f"{SHOP}, created")
    expect(listed).to_contain_text("by ada")
    expect(listed).to_contain_text("expires")
    page.locator("summary", has_text="New share link").click()
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create share link").click()
    expect(page.get_by_role("alert")).to_contain_text("characters")
    expect(page.get_by_role("button", name="Create share link")).to_be_visible()
    context.close()


def test_a_public_dashboard_fits_a_phone(server: LiveServer, ada: httpx.Client, chromium: Browser) -> None:
    turn(ada, "public")
    page = chromium.new_page(viewport={"width": 320, "height": 740})
    page.goto(f"{server.url}/public/{SHOP}")
    expect(page.locator("#tiles")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.close()
