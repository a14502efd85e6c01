"""A defect of Prisme behind a page or an API: the response says no more than 500, and the log has the traceback."""

import logging
import traceback
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from tests.e2e.callers import OTHER, PASSWORD, Callers, call, send_visit
from tests.server import LiveServer

PLANTED = "planted by a test"
VIEW = {"name": "View", "back": "/dashboard?country=DE"}
# By what is requested: what fails behind it, and the request.
REQUESTS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "dashboard": ("prisme.web.pages.dashboard.Stats", "GET", "/dashboard", {}),
    "list": ("prisme.web.pages.list.Stats", "GET", "/dashboard/list", {"params": {"name": "top-pages"}}),
    "view form": ("prisme.access.views.Views.save", "POST", "/dashboard/views", {"data": VIEW}),
    "share form": ("prisme.access.shares.Shares.add", "POST", "/dashboard/share", {"data": {"domain": OTHER}}),
    "stats API": ("prisme.web.figure_answers.Stats", "GET", "/api/v1/stats/visitors", {}),
    "parameters": ("prisme.stats.filters.read", "GET", "/api/v1/stats/visitors", {}),
    "authentication": ("prisme.access.accounts.Accounts.find_login", "GET", "/api/v1/stats/visitors", {}),
    "admin API": ("prisme.access.accounts.Accounts.list", "GET", "/api/v1/users", {}),
    "admin API, change": (
        "prisme.access.accounts.Accounts.add",
        "POST",
        "/api/v1/users",
        {"json": {"name": "zoe", "password": PASSWORD, "role": "admin"}},
    ),
    "settings": ("prisme.access.accounts.Accounts.list", "GET", "/settings/users", {}),
    "settings form": (
        "prisme.access.tokens.Tokens.add",
        "POST",
        "/settings/tokens",
        {"data": {"name": "token", "scope-stats": "1"}},
    ),
    "log-in form": ("prisme.access.accounts.Accounts.log_in", "POST", "/login", {"data": {"name": "ada"}}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("defects")) as started:
        send_visit(started)
        yield started


@pytest.mark.parametrize("error", [ValueError, KeyError, TypeError])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_defect_is_logged_and_answered_with_500(
    server: LiveServer,
    callers: Callers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    error: type[Exception],
) -> None:
    target, method, path, more = REQUESTS[name]

    def fail(*_: object, **__: object) -> NoReturn:
        raise error(PLANTED)

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "prisme"):
        patch.setattr(target, fail)
        answer = call(server, method, path, callers.admin, **more)
    assert (answer.status_code, answer.text) == (500, "internal error\n")
    assert answer.headers["x-prisme-error"] == "internal error"
    assert PLANTED not in str(answer.headers)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "request failed")
    assert record.exc_info
    logged = "".join(traceback.format_exception(record.exc_info[1]))
    assert logged.startswith("Traceback")
    assert record.exc_info[0] is error
    assert PLANTED in logged
    assert server.http.get("/api/v1/healthcheck").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"name": 1}', id="wrong type"),
        pytest.param(b'{"name": "\xff", "password": "x"}', id="not UTF-8"),
        pytest.param(b'{"name": "\\ud800", "password": "x"}', id="half a surrogate pair"),
        pytest.param(b'{"name": ' + b"9" * 6000 + b"}", id="number without end"),
        pytest.param(b'{"domains": ' + b"[" * 60_000, id="nested too deeply"),
    ],
)
def test_wrong_json_is_no_defect(
    server: LiveServer, callers: Callers, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = call(server, "POST", "/api/v1/users", callers.admin, content=body, headers=headers)
    assert answer.status_code == 400
    assert not caplog.records
