"""Calls of the tracking script's functions: pageviews and events that a page counts by itself."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.script import (
    API,
    TAG,
    expect,
    finish,
    sessions,
    stored,
    views,
    visit,
    visiting,
)
from tests.e2e.sites import Sites
from tests.server import LiveServer


def test_manual_page_counts_what_it_says(prisme: LiveServer, host: str, page: Page) -> None:
    page.goto(f"http://{host}/manual/")
    page.evaluate("history.pushState({}, '', '/manual/2')")
    page.go_back()
    page.evaluate("prisme.pageview({ path: '/step/1', visitorId: 'anon_7', status: 201 })")
    page.evaluate("prisme.pageview({ path: '/step/2' })")
    page.evaluate("prisme.pageview()")
    columns = "path, visitor_id, is_anon, status"
    assert views(prisme, host, columns) == [
        ("/step/1", "anon_7", True, 201),
        ("/step/2", "anon_7", True, 200),
        ("/manual/", "anon_7", True, 200),
    ]
    assert sessions(prisme, host, "pageviews, referrer_domain") == [(3, "direct")]


def test_manual_page_of_another_domain(prisme: LiveServer, host: str, page: Page) -> None:
    domain = f"shop-of-{host}"
    page.goto(f"http://{host}/manual/")
    page.evaluate("domain => prisme.pageview({ domain, path: '/a' })", domain)
    finish(page)
    expect(prisme, domain, ("view", "/a"), ("custom", "/a", "done"))
    assert stored(prisme, host) == []


def test_first_manual_pageview_is_the_tag_s(prisme: LiveServer, sites: Sites, host: str, page: Page) -> None:
    attributes = 'data-manual data-path="/template" data-status="404" data-visitor-id="customer 7"'
    page.goto(sites.publish(host, "/real", TAG.replace(" defer", f" defer {attributes}")))
    page.evaluate("prisme.pageview()")
    page.evaluate("prisme.pageview()")
    assert views(prisme, host, "path, status, visitor_id") == [
        ("/template", 404, "customer 7"),
        ("/real", 200, "customer 7"),
    ]


def test_pageview_as_a_hook_of_a_router(prisme: LiveServer, host: str, page: Page) -> None:
    page.goto(f"http://{host}/manual/")
    for path in ("/a", "/b"):
        page.evaluate("path => prisme.pageview({ path, name: 'to' }, { path: '/', name: 'from' })", path)
    expect(prisme, host, ("view", "/a"), ("view", "/b"))


@pytest.mark.parametrize(
    ("arguments", "name", "path", "properties"),
    [
        pytest.param("'sign_up'", "sign_up", "/plain/", {}, id="name"),
        pytest.param("'sign_up', null, null", "sign_up", "/plain/", {}, id="nothing else"),
        pytest.param("'a/b c?d#ü', {}", "a/b c?d#ü", "/plain/", {}, id="name of any text"),
        pytest.param(
            "'order', { plan: 'pro', seats: 3, deep: [{ a: null }], '☃': 'ü' }",
            "order",
            "/plain/",
            {"plan": "pro", "seats": 3, "deep": [{"a": None}], "☃": "ü"},
            id="properties",
        ),
        pytest.param("'x', {}, {}", "x", "/plain/", {}, id="empty options"),
        pytest.param("'x', {}, { path: '/plain/about.html' }", "x", "/plain/about.html", {}, id="page of another tab"),
    ],
)
def test_custom_events(
    prisme: LiveServer,
    host: str,
    context: BrowserContext,
    page: Page,
    arguments: str,
    name: str,
    path: str,
    properties: dict[str, Any],
) -> None:
    visit(page, f"http://{host}/plain/")
    visit(context.new_page(), f"http://{host}/plain/about.html")
    page.evaluate(f"prisme.trigger({arguments})")
    ((*told, text),) = prisme.rows("SELECT name, path, properties FROM events_custom WHERE domain = ?", [host])
    assert (*told, json.loads(text)) == (name, path, properties)


@pytest.mark.parametrize(
    "call",
    [
        "pageview(null)",
        "pageview('text')",
        "pageview({ domain: {} })",
        "pageview({ domain: 'not a host' })",
        "pageview({ path: Symbol() })",
        "pageview({ visitorId: '\\ud800' })",
        "pageview({ status: 'teapot' })",
        "pageview({ get path() { throw 1 } })",
        "trigger()",
        "trigger('')",
        "trigger(Symbol())",
        "trigger('\\ud800')",
        "trigger('x', 1n)",
        "trigger('x', [])",
        "trigger('x', 'text')",
        "trigger('x', window)",
        "trigger('x', { big: 'x'.repeat(70000) })",
        "trigger('x', {}, { path: Symbol() })",
    ],
)
def test_calls_never_throw(chromium: Browser, host: str, call: str) -> None:
    # The browser's own line about a 400 is no complaint of the script's.
    with visiting(chromium, allowed=("Failed to load resource: ", "Access to fetch at ")) as context:
        page = context.new_page()
        visit(page, f"http://{host}/plain/")
        assert page.evaluate(f"prisme.{call}.then((value) => [value], () => 'rejected')") == [None]


def test_calls_never_reject_where_nobody_answers(chromium: Browser, host: str) -> None:
    with visiting(chromium, allowed=("Failed to load resource: net::ERR_",)) as context:
        page = context.new_page()
        visit(page, f"http://{host}/plain/")
        context.route(f"**{API}**", lambda route: route.abort())
        for call in ("pageview()", "trigger('x')"):
            assert page.evaluate(f"prisme.{call}.then((value) => [value], () => 'rejected')") == [None]
        page.evaluate("history.pushState({}, '', '/plain/2')")
        page.click("#about")  # would be an unhandled rejection
        page.wait_for_url("**/about.html*")
