"""Questions to the API of figures: wrong ones, those of other origins, those that take too long or are too many."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.callers import OTHER, SECRET, WIDE, Callers, call, send_visit
from tests.server import LiveServer
from tests.sql_texts import ENDLESS_COUNT, replace_sql


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("questions")) as started:
        send_visit(started)
        yield started


@pytest.mark.parametrize(
    ("allowed", "origin", "told"),
    [
        ("", "https://a.example", None),
        ("https://a.example", "https://a.example", "https://a.example"),
        ("https://a.example,http://b.example:81", "http://b.example:81", "http://b.example:81"),
        ("https://a.example", "http://a.example", None),
        ("https://a.example", "null", None),
        ("*", "https://a.example", "*"),
    ],
)
def test_pages_of_named_origins_read_figures(tmp_path: Path, allowed: str, origin: str, told: str | None) -> None:
    with LiveServer(tmp_path, api_stats_allow_origins=allowed) as server:
        headers = {"Origin": origin}
        asked = server.http.options("/api/v1/stats/visitors", headers=headers)
        answers = [asked, server.http.get("/api/v1/stats/visitors", headers=headers)]
        answers.append(server.http.get("/api/v1/stats/visitors", headers=headers | server.make_token()))
        assert [answer.status_code for answer in answers] == [204, 401, 200]
        for answer in answers:
            assert answer.headers.get("access-control-allow-origin") == told
            assert "access-control-allow-credentials" not in answer.headers
        assert asked.headers.get("access-control-allow-headers") == (told and "authorization")


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("visitors?from=x", 400, "from: 'x' is no time, such as "),
        ("visitors?path=/a&path=/b", 400, "'path': is given twice: write a list with commas"),
        ("visitors?%ff=1", 400, "parameters must be UTF-8"),
        (
            "visitors?" + "&".join(f"a{n}=1" for n in range(101)),
            400,
            "parameters must be UTF-8, and at most 100",
        ),
        ("visitors?a%0d%0aX-Evil:1=1", 400, "a??X-Evil"),
        ("vistors", 404, "'vistors' is not a figure; the figures are visitors, "),
        ("dashboard.csv", 404, "'dashboard.csv' is not a figure"),
        ("sites.csv", 404, "'sites.csv' is not a figure"),
    ],
)
def test_wrong_questions_are_answered(server: LiveServer, callers: Callers, query: str, status: int, told: str) -> None:
    answer = call(server, "GET", f"/api/v1/stats/{query}", callers.allowed["token"])
    assert answer.status_code == status
    assert answer.text.startswith(told)
    assert "x-evil" not in answer.headers


def test_csv_by_accept(server: LiveServer, callers: Callers) -> None:
    for accept, kind in (
        ("text/csv", "text/csv"),
        ("application/json, text/csv", "application/json"),
        ("*/*", "application/json"),
    ):
        told = call(server, "GET", "/api/v1/stats/top-pages", callers.admin, params=WIDE, headers={"Accept": accept})
        assert told.headers["content-type"].startswith(kind)
        if kind == "text/csv":
            assert told.text == "key,value\r\n/unseen,1\r\n"
            assert told.headers["content-disposition"] == 'attachment; filename="top-pages.csv"'


@pytest.mark.parametrize("name", ["sites", "dashboard"])
def test_what_is_no_table_is_json(server: LiveServer, callers: Callers, name: str) -> None:
    told = call(server, "GET", f"/api/v1/stats/{name}", callers.admin, params=WIDE, headers={"Accept": "text/csv"})
    assert told.headers["content-type"] == "application/json"
    assert told.json()["tz"] == "UTC"


def test_sites_are_listed(server: LiveServer, callers: Callers) -> None:
    def ask(**more: str) -> Any:
        return call(server, "GET", "/api/v1/stats/sites", callers.admin, params={**WIDE, **more}).json()

    (site,) = ask()["sites"]
    assert (site["domain"], site["visitors"], site["compared-visitors"], sum(site["values"])) == (SECRET, 1, 0, 1)
    assert site["first"] <= site["last"]
    without = ask(compare="none")
    assert (without["compared-period"], without["sites"][0]["compared-visitors"]) == (None, None)
    assert [ask(path="/other")["sites"][0]["visitors"], ask(path="/unseen")["sites"][0]["visitors"]] == [0, 1]
    assert (ask(domain=OTHER)["total"], ask(domain=OTHER)["sites"]) == (0, [])
    assert (ask(offset="1")["total"], ask(offset="1")["sites"]) == (1, [])


def test_late_answers_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that takes for ever: DuckDB itself is interrupted."""
    replace_sql(monkeypatch, "row_count", ENDLESS_COUNT)
    with LiveServer(tmp_path, api_stats_timeout="200ms") as server:
        answer = server.http.get("/api/v1/stats/pageviews", headers=server.make_token())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert answer.text == "the answer took over 0.2 s: ask for less time, try again, or raise api_stats_timeout\n"
        assert server.http.get("/api/v1/stats/sessions", headers=server.make_token()).status_code == 200


def test_a_long_question_does_not_hold_up_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_sql(monkeypatch, "row_count", ENDLESS_COUNT)
    monkeypatch.setattr("prisme.web.lifecycle._DRAIN_SECONDS", 0.2)
    with LiveServer(tmp_path, api_stats_timeout="10m") as server, ThreadPoolExecutor() as threads:
        headers = server.make_token()
        asking = threads.submit(httpx.get, f"{server.url}/api/v1/stats/pageviews", headers=headers, timeout=60)
        time.sleep(1)
        assert not asking.done()
        server.stop()
        assert isinstance(asking.exception(), httpx.TransportError) or asking.result().status_code == 503


def test_too_many_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prisme.wiring.reading._MAX_QUEUED", 0)
    with LiveServer(tmp_path) as server:
        answer = server.http.get("/api/v1/stats/pageviews", headers=server.make_token())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_ingestion_alone_has_no_figures(tmp_path: Path) -> None:
    with LiveServer(tmp_path, mode="ingestion") as server:
        for path in ("/", "/login", "/setup", "/api/v1/stats/visitors", "/api/v1/users", "/static/wa.js"):
            assert server.http.get(path, headers=server.make_token()).status_code == 404
