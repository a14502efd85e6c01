"""The dashboard's lists, without JavaScript: rows, tabs, filters, whole lists, and paths as people read them."""

import csv
import io
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from prisme.dashboard.number_format import (
    describe_change,
    format_count,
    format_duration,
    format_exact,
    format_percent,
    format_ratio,
)
from prisme.dashboard.row_labels import label_row
from tests.e2e.dashboard import IDN, NEWS, ODD, ONE, Open, demo, logged_in, open_menu, query, rows
from tests.e2e.shown_lists import column, find_links, show_list, sorted_by
from tests.server import LiveServer, browser

# The default period, by the default metric.
PERIOD = {"from": "now-27d/d", "metric": "visitors"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with demo(tmp_path_factory.mktemp("dashboard")) as live:
        yield live


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[httpx.Client]:
    """An admin who reads pages without a browser."""
    with logged_in(server, "ada") as client:
        yield client


def test_a_row_filters_and_again_removes(plain: Open) -> None:
    page = plain()
    views = page.locator("#tiles .figure").nth(2).get_attribute("title")
    page.locator("#pages").get_by_role("link", name="/pricing", exact=True).click()
    assert query(page) == {"path": "/pricing"}
    expect(page.locator(".chips li").first).to_contain_text("Page is /pricing")
    assert page.locator("#tiles .figure").nth(2).get_attribute("title") != views
    assert rows(page, "pages")[0][0] == "/pricing"
    page.locator("#pages").get_by_role("link", name="/pricing", exact=True).click()
    assert query(page) == {}
    assert page.locator("#tiles .figure").nth(2).get_attribute("title") == views


def test_a_row_excludes_and_adds_by_its_menu(plain: Open) -> None:
    page = plain()
    page.get_by_label("More actions for /pricing").click()
    page.locator("#pages details[open]").get_by_role("link", name="Exclude").click()
    assert query(page) == {"path": "!/pricing"}
    assert "/pricing" not in [name for name, _ in rows(page, "pages")]
    page.goto(page.url.replace("!/pricing", "/pricing"))
    page.locator("#countries").get_by_role("link", name="Germany", exact=True).click()
    assert query(page) == {"path": "/pricing", "country": "DE"}
    page.goto(re.sub("country=DE", "country=FR", page.url))
    page.locator(".chips .clear").click()
    assert query(page) == {}
    page.goto(page.url + "?country=FR")
    assert [name for name, _ in rows(page, "countries")] == ["France"]


def test_a_row_filters_by_its_source(client: httpx.Client) -> None:
    text = client.get("/dashboard").text
    before = dict(row[:2] for row in show_list(text, "sources").rows)
    (link,) = find_links(text, "sources", "Google")
    assert parse_qs(urlsplit(link).query)["source"] == ["Google"]
    text = client.get(link).text
    assert [row[:2] for row in show_list(text, "sources").rows] == [["Google", before["Google"]]]
    assert text.count("Source is") == 1


@pytest.mark.parametrize(
    ("panel", "tab", "name", "path"),
    [
        ("sources", "Referrers", "top-referrers", "referrer"),
        ("sources", "Campaigns", "top-utm-campaigns", "utm-campaign"),
        ("pages", "Entry pages", "top-entry-pages", "entry-path"),
        ("pages", "Exit pages", "top-exit-pages", "exit-path"),
        ("technology", "Systems", "top-operating-systems", "os"),
        ("technology", "Devices", "top-devices", "device"),
        ("links", "Downloads", "top-file-downloads", ""),
    ],
)
def test_tabs(client: httpx.Client, panel: str, tab: str, name: str, path: str) -> None:
    (link,) = find_links(client.get("/dashboard").text, panel, tab)
    assert link == f"/dashboard?{panel}={name}#{panel}"
    told = client.get(f"/api/v1/stats/{name}", params=PERIOD).json()
    text = client.get(link).text
    labels = [label.partition("↗")[0] for label, *_ in show_list(text, panel).rows]
    assert [key.replace("direct", "Direct") for key in told["keys"]] == labels
    assert len(labels) > 0
    if path:
        (link,) = find_links(text, panel, labels[0])
        assert path in parse_qs(urlsplit(link).query)


def test_device_types(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?technology=top-device-types")
    told = server.http.get("/api/v1/stats/top-device-types", params=PERIOD, headers=server.make_token()).json()
    assert {"desktop", "mobile", "tablet"} <= set(told["keys"])
    assert [label for label, _ in rows(page, "technology")] == [key.capitalize() for key in told["keys"]]
    page.locator("#technology").get_by_role("link", name="Tablet", exact=True).click()
    assert query(page) == {"technology": "top-device-types", "device-type": "tablet"}
    assert [label for label, _ in rows(page, "technology")] == ["Tablet"]
    expect(page.locator(".chips li").first).to_contain_text("Device type is Tablet")


@pytest.mark.parametrize("tab", ["", "&events=custom-properties"])
def test_all_events_have_a_number_and_a_chart(server: LiveServer, plain: Open, tab: str) -> None:
    page = plain(f"/dashboard?period=7d{tab}")
    told = server.http.get("/api/v1/stats/events", params={"from": "now-6d/d"}, headers=server.make_token()).json()
    link = page.locator("#events").get_by_role("link", name=re.compile("events, including downloads and clicks"))
    assert link.get_attribute("title") == f"{sum(told['values']):,}" != "0"
    link.click()
    assert query(page)["metric"] == "events"
    assert page.locator("figcaption").inner_text().startswith("Events by day")
    shown = page.locator("#values tbody td:nth-of-type(1)").all_text_contents()
    assert shown == [f"{value:,}" for value in told["values"]]
    expect(page.locator("#tiles a")).to_have_count(6)
    page.goto(f"{server.url}/dashboard?period=7d&path=/nowhere{tab}")
    expect(page.locator("#events").get_by_role("link", name="including downloads and clicks")).to_have_count(0)


def test_errors_are_pages_that_were_not_there(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?pages=errors")
    told = server.http.get(
        "/api/v1/stats/top-pages", params=PERIOD | {"status": "4*,5*"}, headers=server.make_token()
    ).json()
    assert [label for label, _ in rows(page, "pages")] == told["keys"]


def test_properties_of_an_event(plain: Open) -> None:
    page = plain()
    page.locator("#events").get_by_role("link", name="sign_up", exact=True).click()
    page.locator("#events .tabs").get_by_role("link", name="Properties").click()
    names = [label for label, _ in rows(page, "events")]
    assert "plan" in names
    page.locator("#events").get_by_role("link", name="plan", exact=True).click()
    assert query(page) == {"event": "sign_up", "events": "custom-properties", "property": "plan"}
    assert len(rows(page, "events")) > 1
    page.get_by_role("link", name="All properties").click()
    assert [label for label, _ in rows(page, "events")] == names


def test_filters_by_form(plain: Open) -> None:
    page = plain("/dashboard?period=7d")
    open_menu(page, "Filter")
    page.select_option("#filter-name", "country")
    page.fill("#filter-value", "DE,FR")
    page.get_by_role("button", name="Apply").click()
    assert query(page) == {"period": "7d", "country": "DE,FR"}
    assert {label for label, _ in rows(page, "countries")} == {"Germany", "France"}
    texts = page.locator(".chips li").all_inner_texts()
    assert ["Germany" in texts[0], "France" in texts[1]] == [True, True]


def test_all_of_a_list(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?period=90d")
    page.locator("#pages .links").get_by_role("link", name="All").click()
    assert urlsplit(page.url).path == "/dashboard/list"
    told = server.http.get(
        "/api/v1/stats/top-pages",
        params={"from": "now-89d/d", "limit": "10000", "metric": "visitors"},
        headers=server.make_token(),
    ).json()
    keys = [key.replace(NEWS, "/новости/1") for key in told["keys"]]
    labels = page.locator("table.list .name").all_inner_texts()
    assert labels == keys[:100]
    page.get_by_role("link", name="Top pages", exact=True).click()
    labels = page.locator("table.list .name").all_inner_texts()
    assert labels == sorted(keys, key=str.casefold)[:100]
    page.fill("#search", "НОВОСТИ")
    page.get_by_role("button", name="Search").click()
    assert page.locator("table.list .name").all_inner_texts() == ["/новости/1"]
    page.fill("#search", "BLOG")
    page.get_by_role("button", name="Search").click()
    labels = page.locator("table.list .name").all_inner_texts()
    assert labels == sorted((key for key in keys if "blog" in key), key=str.casefold)
    page.get_by_role("link", name=labels[0], exact=True).click()
    assert urlsplit(page.url).path == "/dashboard"
    assert query(page) == {"period": "90d", "path": labels[0]}


def test_csv_and_json_have_the_rows(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?period=7d&country=DE")
    for panel in ("pages", "countries", "technology", "week"):
        links = page.locator(f"#{panel} .links")
        csv = page.request.get(server.url + (links.get_by_text("CSV").get_attribute("href") or ""))
        told = page.request.get(server.url + (links.get_by_text("JSON").get_attribute("href") or "")).json()
        assert csv.text().splitlines()[0] == '\ufeff"key","value"'
        assert len(csv.text().splitlines()) == len(told["keys"]) + 1
        if panel != "week":
            assert [label for label, _ in rows(page, panel)][:1] == [
                {"DE": "Germany"}.get(key, key) for key in told["keys"][:1]
            ]


def test_csv_from_pages_has_no_formulas_and_that_of_the_api_is_exact(server: LiveServer, plain: Open) -> None:
    answer = server.http.post("/api/v1/events/custom/=1+1", headers=browser("https://example.com/"))
    assert answer.status_code == 200
    server.settle()
    links = plain("/dashboard?period=7d&domain=example.com").locator("#events .links")
    csv = server.url + (links.get_by_text("CSV").get_attribute("href") or "")
    json = server.url + (links.get_by_text("JSON").get_attribute("href") or "")
    texts = [links.page.request.get(url).text() for url in (csv, csv.replace("&spreadsheet=1", ""))]
    assert texts == ['\ufeff"key","value"\r\n"\'=1+1",1\r\n', "key,value\r\n=1+1,1\r\n"]
    assert links.page.request.get(json).json()["keys"] == ["=1+1"]
    wrong = links.page.request.get(csv.replace("spreadsheet=1", "spreadsheet=yes"))
    assert (wrong.status, wrong.text().partition(",")[0]) == (400, "spreadsheet: 'yes' is no number from 0 to 1")


# Paths and hosts as people read them


def test_paths_and_hosts_are_shown_decoded_and_found(server: LiveServer, plain: Open) -> None:
    page = plain("/dashboard?period=today&domain=Bücher.example&sources=top-referrers")
    assert page.title() == "bücher.example, Today · Prisme"
    expect(page.locator("header details.menu > summary").first).to_contain_text("bücher.example")
    assert sorted(rows(page, "pages")) == [(ODD, "1"), ("/новости/1", "1")]
    assert sorted(rows(page, "sources")) == [("Direct", "1"), ("müller.example", "1")]
    assert page.locator("#pages .name bdi").all_inner_texts() == [name for name, _ in rows(page, "pages")]
    page.locator("#pages").get_by_role("link", name="/новости/1", exact=True).click()
    assert query(page)["path"] == "/новости/1"
    assert rows(page, "pages") == [("/новости/1", "1")]
    assert page.locator(".chips bdi").all_inner_texts() == ["/новости/1"]
    page.locator("#sources").get_by_role("link", name="müller.example", exact=True).click()
    assert rows(page, "sources") == [("müller.example", "1")]
    csv = page.request.get(server.url + (page.locator("#pages .links a").nth(1).get_attribute("href") or ""))
    assert csv.text().splitlines() == ['\ufeff"key","value"', f'"{NEWS}",1']
    told = page.request.get(server.url + (page.locator("#sources .links a").nth(2).get_attribute("href") or ""))
    assert told.json()["keys"] == ["xn--mller-kva.example"]
    # The row removes its filter, as the address says the same however it was typed.
    page.goto(f"{server.url}/dashboard?period=today&domain={IDN}&path={NEWS.replace('%', '%25').lower()}")
    page.locator("#pages").get_by_role("link", name="/новости/1", exact=True).click()
    assert query(page) == {"period": "today", "domain": "bücher.example"}


@pytest.mark.parametrize("typed", ["/новости/*", "/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/*", "!/a%2Fb*"])
def test_filters_are_typed_decoded_or_not(plain: Open, typed: str) -> None:
    page = plain("/dashboard?period=today&domain=*cher-kva.example")
    assert len(rows(page, "pages")) == 2
    open_menu(page, "Filter")
    page.select_option("#filter-name", "path")
    page.fill("#filter-value", typed)
    page.get_by_role("button", name="Apply").click()
    assert rows(page, "pages") == [("/новости/1", "1")]
    expect(page.locator(".chips li").nth(1)).to_contain_text(
        "Page is not /a%2Fb*" if typed.startswith("!") else "Page is /новости/*"
    )


# The chosen tile, and what changed


@pytest.mark.parametrize(
    ("metric", "heads"),
    [
        ("visitors", ["Visitors", "Share", "Change"]),
        ("sessions", ["Sessions", "Share", "Change"]),
        ("pageviews", ["Pageviews", "Share", "Change"]),
        ("views-per-session", ["Views per session", "Change"]),
        ("bounce-rate", ["Bounce rate", "Change"]),
        ("duration", ["Duration", "Change"]),
    ],
)
def test_the_chosen_tile_drives_all_lists(client: httpx.Client, metric: str, heads: list[str]) -> None:
    text = client.get("/dashboard", params={"metric": metric, "period": "7d", "sources": "top-referrers"}).text
    of_events = ("visitors", ["Visitors", "Conversion rate", "Change"])
    for panel, name, (own, expected) in (
        ("sources", "top-referrers", (metric, heads)),
        ("pages", "top-pages", (metric, heads)),
        ("countries", "top-countries", (metric, heads)),
        ("events", "top-custom-events", of_events if metric == "visitors" else ("events", ["Events", "Change"])),
    ):
        shown = show_list(text, panel)
        told = client.get(f"/api/v1/stats/{name}", params={"from": "now-6d/d", "metric": own}).json()
        assert len(told["keys"]) > 2
        assert [label for label, *_ in shown.rows] == [label_row(name, key) for key in told["keys"]]
        assert shown.heads[1:] == expected
        linked = client.get(shown.json).json()
        assert (linked["keys"][:10], linked["values"][:10]) == (told["keys"], told["values"])
    pages = client.get("/api/v1/stats/top-pages", params={"from": "now-6d/d", "metric": metric}).json()
    written = {"bounce-rate": format_percent, "duration": format_duration, "views-per-session": format_ratio}
    write = written.get(metric, format_count)
    assert [value for _, value, *_ in show_list(text, "pages").rows] == [write(value) for value in pages["values"]]


def test_rows_have_their_share_and_their_change(client: httpx.Client) -> None:
    """By sessions, which add up: those of the seven days, against the seven before."""
    later, earlier = ({"from": f"now-{days}d/d", "to": f"now-{days - 6}d/d", "limit": "100"} for days in (7, 14))
    days = {"from": "now-7d/d", "to": "now-1d/d", "compare": "previous", "metric": "sessions"}
    shown = show_list(client.get("/dashboard", params=days).text, "countries")
    now, before = (
        dict(zip(told["keys"], told["values"], strict=True))
        for told in (client.get("/api/v1/stats/top-countries", params=span).json() for span in (later, earlier))
    )
    whole = sum(client.get("/api/v1/stats/sessions", params=later).json()["values"])
    for (_, value, share, change), (key, count) in zip(shown.rows, now.items(), strict=False):
        assert (value, share) == (f"{count}", format_percent(count / whole))
        expected = describe_change(count, before.get(key, 0), f"{before.get(key, 0)}")
        assert change == expected.sign + expected.text + expected.words
    uncompared = show_list(client.get("/dashboard", params=days | {"compare": "none"}).text, "countries")
    assert uncompared.heads == ["Countries", "Sessions", "Share"]


def test_events_have_visitors_and_a_conversion_rate(client: httpx.Client) -> None:
    period = {"from": "now-6d/d"}
    shown = show_list(client.get("/dashboard", params={"period": "7d"}).text, "events")
    assert shown.heads == ["Custom events", "Visitors", "Conversion rate", "Change"]
    visitors = client.get("/api/v1/stats/visitors", params=period | {"to": "now", "interval": "year"}).json()["values"]
    told = client.get("/api/v1/stats/top-custom-events", params=period | {"metric": "visitors"}).json()
    rates = [format_percent(value / sum(visitors)) for value in told["values"]]
    assert [share for _, _, share, _ in shown.rows] == rates


# Whole lists


def test_a_whole_list_is_sorted_by_its_heads(client: httpx.Client, plain: Open) -> None:
    page = plain("/dashboard/list?name=top-pages&period=90d")
    sorted_by(page, "Visitors", "descending")
    for head, metric in (("Pageviews", "pageviews"), ("Bounce rate", "bounce-rate"), ("Duration", "duration")):
        page.locator("thead").get_by_role("link", name=head).click()
        sorted_by(page, head, "descending")
        given = {"from": "now-89d/d", "metric": metric, "limit": "10000"}
        told = client.get("/api/v1/stats/top-pages", params=given).json()
        falling = sorted(told["values"], reverse=True)
        write = {"pageviews": format_exact, "bounce-rate": format_percent, "duration": format_duration}[metric]
        assert column(page, head)[: len(falling)] == [write(value) for value in falling][:100]
        page.locator("thead").get_by_role("link", name=head).click()
        sorted_by(page, head, "ascending")
        assert query(page) == {"name": "top-pages", "period": "90d", "sort": metric, "order": "asc"}
        assert column(page, head)[: len(falling)] == [write(value) for value in falling[::-1]][:100]
    page.locator("thead").get_by_role("link", name="Duration").click()
    assert query(page) == {"name": "top-pages", "period": "90d", "sort": "duration"}


def test_sorting_works_with_the_script_and_by_keyboard(visit: Open) -> None:
    page = visit("/dashboard/list?name=top-referrers&metric=bounce-rate")
    sorted_by(page, "Bounce rate", "descending")
    page.locator("thead").get_by_role("link", name="Sessions").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=sessions**")
    sorted_by(page, "Sessions", "descending")
    assert query(page)["metric"] == "bounce-rate"
    page.set_viewport_size({"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_csv_of_a_whole_list_has_its_columns(client: httpx.Client) -> None:
    given = {"name": "top-pages", "period": "7d", "sort": "pageviews", "search": "/", "order": "asc"}
    answer = client.get("/dashboard/list.csv", params=given)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="top-pages.csv"'
    assert answer.text.startswith("\ufeff")
    head, *lines = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert head == ["key", "visitors", "pageviews", "bounce-rate", "duration"]
    for metric in head[1:]:
        told = client.get(
            "/api/v1/stats/top-pages", params={"from": "now-6d/d", "metric": metric, "limit": "10000"}
        ).json()
        values = {line[0]: float(line[head.index(metric)]) for line in lines if line[head.index(metric)]}
        assert values == pytest.approx(dict(zip(told["keys"], told["values"], strict=True)))
    counts = [int(line[2]) for line in lines]
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"sort": "sessions"}, "Sort by: &#39;sessions&#39; is none of name, visitors, pageviews, bounce-rate, dur"),
        ({"sort": "name", "order": "up"}, "Order: &#39;up&#39; is neither asc nor desc"),
        ({"start": "-1"}, "Start: &#39;-1&#39; is no number, such as start=100"),
    ],
)
def test_wrong_orders_are_told_above_the_list(client: httpx.Client, given: dict[str, str], reason: str) -> None:
    """The file, which has no room to say what was left out, is refused."""
    for path in ("/dashboard/list", "/dashboard/list.csv"):
        answer = client.get(path, params={"name": "top-pages", "period": "7d"} | given)
        assert answer.status_code == 400
        assert reason in re.sub("</?strong>", "", answer.text)
        assert ("<bdi>/pricing</bdi>" in answer.text) == (path == "/dashboard/list")


def test_a_viewer_sees_rows_of_their_site_alone(server: LiveServer, client: httpx.Client) -> None:
    with logged_in(server, "vic") as viewer:
        path, theirs = "/dashboard/list.csv?name=top-pages&period=90d", "&domain=" + ONE
        assert viewer.get(path).text == client.get(path + theirs).text != client.get(path).text
        whole = show_list(viewer.get("/dashboard?period=90d").text, "pages").rows
        assert whole == show_list(client.get("/dashboard?period=90d" + theirs).text, "pages").rows
