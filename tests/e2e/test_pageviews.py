"""Pageviews through a real server into real tables: what is stored of a page, and of the campaign that led to it."""

import datetime
import re
from typing import Any

import pytest

from tests.e2e.pageviews import GIF, NOSCRIPT, PAGEVIEWS, sessions, view, views
from tests.server import CHROME, LiveServer, browser


def test_first_pageview_fills_every_column(live: LiveServer, site: str) -> None:
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    answer = live.http.post(PAGEVIEWS, headers=browser(f"https://{site}/pricing?plan=a#top"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"

    ((view_row),) = live.rows("SELECT * FROM pageviews WHERE domain = ?", [site])
    timestamp, domain, path, visitor, is_anon, uuid, session_timestamp, status = view_row
    assert before <= timestamp <= datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert (domain, path, is_anon, status) == (site, "/pricing", True, 200)
    assert re.fullmatch(r"prisme_[0-9A-F]{16}", visitor)
    assert uuid.version == 7
    assert session_timestamp == timestamp.replace(microsecond=timestamp.microsecond // 1000 * 1000)
    columns = (
        "domain, entry_timestamp, entry_path, exit_timestamp, exit_path, exit_status, visitor_id, is_anon, "
        "session_uuid, session_timestamp, operating_system, browser_family, device, device_type, referrer_domain, "
        "country_code, region, city, utm_source, utm_medium, utm_campaign, utm_term, utm_content, click_id, "
        "pageviews, events, imported, is_bounce"
    )
    when = (timestamp, "/pricing")
    who = (visitor, True, uuid, session_timestamp)
    client = ("Linux", "Chrome", "Other", "desktop", "direct", "XX")
    assert sessions(live, site, columns) == [(site, *when, *when, 200, *who, *client, *([""] * 8), 1, 0, "", True)]
    # All that there is.
    names = live.rows("SELECT column_name FROM (DESCRIBE sessions)")
    assert ", ".join(name for (name,) in names) == columns


def test_noscript_answers_the_gif_and_stores_the_same(live: LiveServer, site: str) -> None:
    answer = live.http.get(
        NOSCRIPT,
        params={
            "referrer": f"https://{site}/a b?utm_source=news",
            "document-referrer": "https://www.search.example/q",
            "visitor-id": "customer 7",
            "status": "404",
        },
        headers={"User-Agent": CHROME},
    )
    assert (answer.status_code, answer.content) == (200, GIF)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store, no-cache, max-age=0, must-revalidate, proxy-revalidate"
    assert views(live, site, "path, visitor_id, is_anon, status") == [("/a%20b", "customer 7", False, 404)]
    assert sessions(live, site, "referrer_domain, utm_source, exit_status") == [("www.search.example", "news", 404)]


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({"Origin": "https://{site}"}, "referrer=https%3A%2F%2F{site}%2Fp", id="origin and parameter"),
        pytest.param({"Referer": "https://{site}/p"}, "", id="referer alone"),
        pytest.param({}, "referrer=https%3A%2F%2F{site}%2Fp", id="parameter alone"),
        pytest.param(
            {"Referer": "https://{site}/"}, "referrer=https%3A%2F%2F{site}%2Fp", id="parameter before referer"
        ),
    ],
)
def test_noscript_finds_its_origin(live: LiveServer, site: str, headers: dict[str, str], query: str) -> None:
    sent = {name: value.format(site=site) for name, value in headers.items()} | {"User-Agent": CHROME}
    assert live.http.get(f"{NOSCRIPT}?{query.format(site=site)}", headers=sent).status_code == 200
    assert views(live, site) == [("/p",)]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("HTTPS://{SITE}", "/"),
        ("https://{site}/a/b/", "/a/b/"),
        ("https://{site}///a/../b", "/b"),
        ("https://user:secret@{site}/in?x=1#y", "/in"),
        ("https://{site}/%7Euser/%c3%bc", "/~user/%C3%BC"),
        ("https://{site}/%00%0a", "/%00%0A"),
    ],
)
def test_page_urls_are_stored_in_normal_form(live: LiveServer, site: str, url: str, path: str) -> None:
    assert view(live, f"https://{site}/", X_Prisme_Referrer=url.format(site=site, SITE=site.upper())) == 200
    assert views(live, site) == [(path,)]


def test_domain_has_the_port_where_one_is_given(live: LiveServer, site: str) -> None:
    assert view(live, f"http://{site}:8080/") == 200
    assert views(live, f"{site}:8080") == [("/",)]


def test_referer_names_the_page_where_nothing_else_does(live: LiveServer, site: str) -> None:
    sent = {"Origin": f"https://{site}", "Referer": f"https://{site}/from-referer", "User-Agent": CHROME}
    assert live.http.post(PAGEVIEWS, headers=sent).status_code == 200
    assert views(live, site) == [("/from-referer",)]


@pytest.mark.parametrize(
    ("query", "utm"),
    [
        (
            "utm_source=a&utm_medium=b&utm_campaign=c+d&utm_term=%C3%A9&utm_content=f%26g",
            ("a", "b", "c d", "é", "f&g"),
        ),
        ("ref=friend", ("friend", "", "", "", "")),
        ("ref=friend&utm_source=a", ("a", "", "", "", "")),
        ("utm_source=&ref=friend", ("friend", "", "", "", "")),
        ("utm_medium=%FF", ("", "\N{REPLACEMENT CHARACTER}", "", "", "")),
        ("source=friend", ("friend", "", "", "", "")),
        ("UTM_Source=a&amp;utm_Medium=+b+", ("a", "b", "", "", "")),
        ("preference=1", ("", "", "", "", "")),
    ],
)
def test_campaigns_are_read_from_the_page(live: LiveServer, site: str, query: str, utm: tuple[str, ...]) -> None:
    assert view(live, f"https://{site}/?{query}") == 200
    assert sessions(live, site, "utm_source, utm_medium, utm_campaign, utm_term, utm_content") == [utm]


@pytest.mark.parametrize("policy", ["always", "interval", "never"])
def test_fsync_policies_store_all(start: Any, policy: str) -> None:
    server = start(eventstore_fsync=policy)
    assert [view(server, f"https://example.com/{step}") for step in range(20)] == [200] * 20
    assert server.rows("SELECT count(*) FROM pageviews") == [(20,)]


def test_batches_are_loaded_when_full(start: Any) -> None:
    server = start(eventstore_max_batch_size="3", eventstore_max_batch_timeout="1h")
    assert [view(server, f"https://example.com/{step}") for step in range(3)] == [200] * 3
    assert server.rows("SELECT count(*) FROM pageviews") == [(3,)]
