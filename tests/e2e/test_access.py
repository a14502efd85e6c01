"""Who sees what: the whole route table as those who may not, through real HTTP."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.goals import GoalList
from prisme.access.grants import ADMIN, STATS
from prisme.base.goals import Funnel, Goal
from prisme.dashboard.row_details import NAMES as ROW_LISTS
from prisme.stats.figures import DASHBOARD, NAMES
from prisme.store.control import Control
from prisme.web.routing import Methods
from tests.e2e.callers import BY, OTHER, PASSWORD, SECRET, WIDE, Callers, call, send_visit, sum_figures
from tests.server import LiveServer, watch_routes

# What is only in the figures of the one domain.
MARKS = (SECRET, "unseen", "secretive", "Firefox", "lettre")
OPEN = re.compile(
    r"/api/v1/(?:events|noscript)/.*|/api/v1/healthcheck|/static/(?:(?:wa|dashboard)\.js|icon\.svg)|/(?:login|logout|setup|share|favicon\.ico|robots\.txt)"
    r"|/(?:public|badge)/:name"  # tests/e2e/test_sharing.py
)
# Pages that lead whoever is nobody to a log-in.
SETTINGS = tuple(f"/settings/{name}" for name in ("account", "users", "tokens", "shares", "imports", "audit"))
DASHBOARDS = (
    "/dashboard",
    "/dashboard/list",
    "/dashboard/list.csv",
    "/dashboard/live",
    "/dashboard/stamp",
    "/dashboard/row",
    "/dashboard/filter",
    "/dashboard/suggest",
    "/dashboard/share",
)
PAGES = ("/", "/sites", "/site", "/site/data", "/site/goals", "/sql", *DASHBOARDS, "/settings", *SETTINGS)
LISTS = ("top-pages", "sources", "top-countries", "top-custom-events", "custom-properties", "top-file-downloads")


@pytest.fixture(scope="module")
def routes() -> Iterator[dict[str, Methods]]:
    """The routes that `prisme serve` was built with; filled when `server` starts."""
    with watch_routes() as routes:
        yield routes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, routes: dict[str, Methods]) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("access")) as started:
        send_visit(started)
        define_goals(started)
        yield started


def define_goals(server: LiveServer) -> None:
    goals = GoalList(Control(server.folder))
    goals.save_goal(BY, Goal(0, SECRET, "unseen page", "page", "/unseen"), 1)
    goals.save_goal(BY, Goal(0, SECRET, "unseen event", "event", "unseen"), 1)
    goals.save_funnel(BY, Funnel(0, SECRET, "unseen funnel", ("unseen page", "unseen event")), 1)


def guarded(routes: dict[str, Methods]) -> list[tuple[str, str]]:
    """Every route that is not for everybody, with its methods."""
    found = [
        (pattern, method)
        for pattern, methods in routes.items()
        if not OPEN.fullmatch(pattern)
        for method in methods
        if method != "OPTIONS" and (pattern, method) not in {(page, "GET") for page in PAGES}
    ]
    assert len(found) > 12
    return found


def paths_of(pattern: str) -> list[str]:
    """Addresses of a route: of the figures, all."""
    names = [*NAMES, *(f"{name}.csv" for name in NAMES)] if "stats" in pattern else ["1", "ada"]
    return [pattern.replace(":name", name) for name in names] if ":name" in pattern else [pattern]


def says_nothing(answer: httpx.Response) -> bool:
    return not any(mark in answer.text or mark in str(answer.headers) for mark in MARKS)


def test_nobody_gets_nothing(server: LiveServer, routes: dict[str, Methods], callers: Callers) -> None:
    for pattern, method in guarded(routes):
        for path in paths_of(pattern)[: 3 if "stats" in pattern else 2]:
            for name, who in callers.unauthenticated.items():
                answer = call(server, method, path, who)
                assert answer.status_code == 401, (name, method, path, answer.text)
                assert says_nothing(answer), (name, method, path)


def test_nobody_sees_a_page(server: LiveServer, routes: dict[str, Methods], callers: Callers) -> None:
    assert set(PAGES) <= set(routes)
    for path in PAGES:
        for name, who in callers.unauthenticated.items():
            answer = call(server, "GET", path, who, params={"name": "top-pages"})
            led = answer.status_code == 303 and answer.headers["location"].startswith(
                ("/login", "/share?", "/settings/account")
            )
            assert led or answer.status_code == 401, (name, path, answer.text)
            assert says_nothing(answer), (name, path)


def test_outsiders_see_pages_without_figures(server: LiveServer, callers: Callers) -> None:
    for who in callers.other_domain.values():
        lists = [f"/dashboard/{file}?name={name}" for name in LISTS for file in ("list", "list.csv")]
        for path in ("/dashboard", "/sites", *lists):
            query = {} if "?" not in path else {"name": path.partition("=")[2]}
            answer = call(server, "GET", path.partition("?")[0], who, params={**query, "period": "24h"})
            assert answer.status_code == 200, answer.text
            assert says_nothing(answer), path


def test_insiders_see_the_pages(server: LiveServer, callers: Callers) -> None:
    """So that the test before can fail."""
    for who in callers.allowed.values():
        answer = call(server, "GET", "/dashboard", who, params={"period": "24h"})
        assert answer.status_code == 200, answer.text
        assert not says_nothing(answer)


def test_details_of_rows_are_of_ones_own_domains(server: LiveServer, callers: Callers) -> None:
    """Every list and each outsider in turn, with a filter that matches whatever there is."""
    outsiders = list(callers.other_domain.values())
    for number, name in enumerate(ROW_LISTS):
        params = {"list": name, "key": "*", "period": "24h"}
        outside = call(server, "GET", "/dashboard/row", outsiders[number % len(outsiders)], params=params)
        assert outside.status_code == 200, outside.text
        assert says_nothing(outside), name
        assert "No data in this period" in outside.text
        inside = call(server, "GET", "/dashboard/row", callers.allowed["viewer"], params=params)
        assert not says_nothing(inside), name


@pytest.mark.parametrize("name", NAMES)
def test_insiders_see_the_figures(server: LiveServer, callers: Callers, name: str) -> None:
    """So that the next test can fail."""
    for who in callers.allowed.values():
        answer = call(server, "GET", f"/api/v1/stats/{name}", who, params=WIDE)
        assert answer.status_code == 200, answer.text
        # The bundled database has countries alone.
        assert sum_figures(answer.json()) > 0 or name in {"sessions-duration", "bounces", "top-regions", "top-cities"}
        if name in {"top-regions", "top-cities"}:
            continue
        if name.startswith(("top-", "custom")):
            assert any(mark in answer.text for mark in (*MARKS, "418", "Linux", "Other", "Campaign", "desktop", "XX"))


FILTERS = [
    {},
    {"domain": "*"},
    {"domain": f"!{OTHER}"},
    {"path": "/unseen"},
    {"entry-path": "/h*"},
    {"event": "unseen"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_outsiders_see_none(server: LiveServer, callers: Callers, filters: dict[str, str]) -> None:
    """Every outsider and every name without a filter; with one, every name and each outsider in turn."""
    outsiders = list(callers.other_domain.values())
    for number, name in enumerate(NAMES):
        for who in [outsiders[number % len(outsiders)]] if filters else outsiders:
            answer = call(server, "GET", f"/api/v1/stats/{name}", who, params={**WIDE, **filters})
            assert answer.status_code == 200, answer.text
            assert says_nothing(answer)
            assert sum_figures(answer.json()) == 0


def test_a_domain_of_others_is_refused(server: LiveServer, callers: Callers) -> None:
    for name, who in callers.other_domain.items():
        answer = call(server, "GET", f"/api/v1/stats/{DASHBOARD}", who, params={"domain": f"{OTHER},{SECRET}"})
        assert (answer.status_code, answer.text) == (403, f"domain: you do not have access to '{SECRET}'\n"), name


def test_only_admins_manage(server: LiveServer, routes: dict[str, Methods], callers: Callers) -> None:
    own = {
        "/dashboard/views",
        "/settings/account",
        "/settings/tokens",
        "/api/v1/me",
        "/mcp",  # tests/e2e/test_mcp_messages.py
        "/api/v1/annotations",  # tests/e2e/test_annotations.py
        "/api/v1/tokens",
        "/api/v1/tokens/:name",
    }
    readers = [*callers.other_domain.values(), *(who for name, who in callers.allowed.items() if name != "admin")]
    for pattern, method in [*guarded(routes), ("/site", "GET"), ("/dashboard/share", "GET")]:
        if "stats" in pattern or pattern in own:
            continue
        for who in readers:
            answer = call(server, method, paths_of(pattern)[0], who)
            assert answer.status_code == 403, (method, pattern, answer.text)
            assert says_nothing(answer)


def test_a_stats_token_makes_no_token(server: LiveServer, callers: Callers) -> None:
    for name in ("token", "token of a viewer", "share link", "share link as token"):
        for method in ("GET", "POST"):
            answer = call(server, method, "/api/v1/tokens", callers.other_domain[name], json={"name": "x"})
            assert answer.status_code == 400, (name, method)
            assert says_nothing(answer)


def test_an_admin_token_without_the_scope_stats_sees_no_figure(server: LiveServer) -> None:
    headers = server.make_token(scopes=(ADMIN,))
    assert server.http.get("/api/v1/stats/visitors", headers=headers).status_code == 403
    assert server.http.get("/api/v1/users", headers=headers).status_code == 200


def test_new_passwords_need_the_own_one(server: LiveServer, callers: Callers) -> None:
    """Of who is logged in; a token of an account has none, and one of the command line needs none."""
    path, new = "/api/v1/users/eve", {"password": "another good one"}

    def change(who: dict[str, Any], **fields: str) -> tuple[int, str]:
        answer = call(server, "PATCH", path, who, json={**new, **fields})
        return answer.status_code, answer.text

    assert change(callers.admin) == (400, "send your own password as old_password\n")
    wrong = (400, "old_password is wrong: send your own password\n")
    assert change(callers.admin, old_password="guess") == wrong
    assert change(callers.admin, old_password=PASSWORD + "x") == wrong
    ada = callers.accounts.find_login(callers.admin["cookies"]["prisme_login"], int(time.time()))
    assert ada
    token = callers.bearer(callers.tokens.add(ada.grant, "t", int(time.time()), scopes=(STATS, ADMIN))[1])
    status, told = change(token, old_password=PASSWORD)
    assert (status, told.startswith("a token of an account cannot change passwords")) == (403, True)
    assert callers.accounts.log_in("eve", PASSWORD, int(time.time()))
    before = {**new, "password": PASSWORD}
    operators = {"headers": server.make_token(scopes=(ADMIN,))}
    for who, fields in ((callers.admin, {"old_password": PASSWORD}), (operators, {})):
        assert change(who, **fields) == (204, "")
        assert callers.accounts.log_in("eve", new["password"], int(time.time()))
        assert call(server, "PATCH", path, who, json={**before, **fields}).status_code == 204


def test_viewers_manage_their_own_tokens(server: LiveServer, callers: Callers) -> None:
    eve, bob = callers.cookie("eve"), callers.cookie("bob")

    def make(fields: dict[str, Any]) -> httpx.Response:
        return call(server, "POST", "/api/v1/tokens", eve, json=fields)

    assert make({"name": "x", "domains": [SECRET]}).text == f"you do not have access to {SECRET}\n"
    assert make({"name": "x", "scopes": [ADMIN]}).status_code == 400
    made = make({"name": "x", "expires": "30d"})
    assert made.status_code == 201
    token, id_ = callers.bearer(made.json()["token"]), made.json()["id"]
    assert call(server, "GET", "/api/v1/me", token).json() == {
        "name": f"token:{id_}",
        "scopes": [STATS],
        "domains": [OTHER],
    }
    assert id_ in [one["id"] for one in call(server, "GET", "/api/v1/tokens", eve).json()["tokens"]]
    assert id_ not in [one["id"] for one in call(server, "GET", "/api/v1/tokens", bob).json()["tokens"]]
    assert call(server, "DELETE", f"/api/v1/tokens/{id_}", bob).status_code == 404
    assert call(server, "DELETE", f"/api/v1/tokens/{id_}", eve).status_code == 204
    assert call(server, "GET", "/api/v1/me", token).status_code == 401


def test_changes_work_at_once(server: LiveServer, callers: Callers) -> None:
    """What an account loses, its log-ins and tokens lose."""

    def change(method: str, **fields: Any) -> int:
        return call(server, method, "/api/v1/users/kim", callers.admin, json=fields or None).status_code

    new = {"name": "kim", "password": PASSWORD, "role": "admin"}
    assert call(server, "POST", "/api/v1/users", callers.admin, json=new).status_code == 201
    cookie = callers.cookie("kim")
    made = call(server, "POST", "/api/v1/tokens", cookie, json={"name": "x", "scopes": [STATS, ADMIN]})
    token = callers.bearer(made.json()["token"])
    assert call(server, "GET", "/api/v1/users", token).status_code == 200
    assert change("PATCH", role="viewer", domains=[OTHER]) == 204
    for who in (cookie, token):
        assert call(server, "GET", "/api/v1/users", who).status_code == 403
        assert call(server, "GET", "/api/v1/me", who).json()["domains"] == [OTHER]
    assert (
        call(
            server,
            "PATCH",
            "/api/v1/users/Kim",
            callers.admin,
            json={"password": "another good one", "old_password": PASSWORD, "keep_tokens": True},
        ).status_code
        == 204
    )
    assert call(server, "GET", "/api/v1/me", token).status_code == 200
    assert call(server, "GET", "/api/v1/me", cookie).status_code == 401
    assert change("DELETE") == 204
    assert call(server, "GET", "/api/v1/me", token).status_code == 401
    audit = call(server, "GET", "/api/v1/audit", callers.admin).json()["audit"]
    told = [(one["actor"], one["action"], one["detail"]) for one in audit if one["subject"] == "kim"]
    assert told == [
        ("user:ada", "user.remove", ""),
        ("user:ada", "user.passwd", "tokens kept"),
        ("user:ada", "user.role", f"viewer {OTHER}"),
        ("user:kim", "login", ""),
        ("user:ada", "user.add", "admin"),
    ]


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        (
            "users",
            {"name": "ada", "password": PASSWORD, "role": "admin"},
            "an account 'ada' already exists: choose another name",
        ),
        ("users", {"name": "A b", "password": PASSWORD, "domains": ["a.b"]}, "'a b' is not an account name: "),
        ("users", {"name": "x", "password": "short", "domains": ["a.b"]}, "a password must have 10 to 256 characters"),
        ("users", {"name": "x", "password": PASSWORD, "role": "root"}, "'root' is not a role: "),
        ("users", {"name": "x", "password": PASSWORD}, "a viewer needs at least one domain, "),
        ("users", {"name": "x", "password": PASSWORD, "domains": ["https://a.b"]}, "'https://a.b' is not a domain: "),
        ("users", {"name": "x", "password": PASSWORD, "nmae": 1}, "Object contains unknown field `nmae`"),
        ("tokens", {"name": ""}, "a token needs a name of 1 to 100 characters"),
        (
            "tokens",
            {"name": "x", "scopes": []},
            "a token needs one or more of the scopes stats, annotate, query, sites, admin",
        ),
        ("tokens", {"name": "x", "domains": []}, "give at least one domain, or "),
        ("tokens", {"name": "x", "scopes": ["admin"], "domains": ["a.b"]}, "the scope admin includes all domains"),
        ("tokens", {"name": "x", "expires": "2001"}, "the expiry of a token must be in the future"),
        ("tokens", {"name": "x", "expires": "never"}, "'never' is no end, such as 30d, 12h, 2027-01-31"),
        ("shares", {"domain": "*"}, "'*' is not a domain: "),
        ("shares", {"domain": "a.b", "password": "short"}, "a password must have "),
        ("shares", {"domain": "a.b", "password": ""}, "a password must have "),
        ("shares", {"domain": "a.b", "expires": "0"}, "the expiry of a share link must be in the future"),
    ],
)
def test_wrong_fields_are_named(
    server: LiveServer, callers: Callers, path: str, body: dict[str, Any], told: str
) -> None:
    answer = call(server, "POST", f"/api/v1/{path}", callers.admin, json=body)
    assert answer.status_code == 400
    assert answer.text.startswith(told)


def test_the_last_admin_stays(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        cast_of_one = Accounts(Control(server.folder))
        cast_of_one.add(BY, "ada", "admin", (), PASSWORD, 0)
        who = {"cookies": {"prisme_login": cast_of_one.create_login("ada", int(time.time()))}}
        for method, body in (("DELETE", None), ("PATCH", {"role": "viewer", "domains": ["a.b"]})):
            answer = call(server, method, "/api/v1/users/ada", who, json=body)
            assert answer.text == "this is the last admin: create another one first\n"
