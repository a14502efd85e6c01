"""Who sees what: the whole route table as those who may not, and the ways in, through real HTTP."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from prisme.access.accounts import Accounts
from prisme.access.attempts import PER_ADDRESS
from prisme.access.grants import ADMIN, STATS, operator
from prisme.access.shares import Shares
from prisme.access.tokens import Tokens
from prisme.stats.answers import DASHBOARD, NAMES
from prisme.store.control import Control
from prisme.web.app import Methods
from tests.server import LiveServer, browser, watch_routes

SECRET = "secret.example.com"
OTHER = "other.example.com"
PASSWORD = "correct horse battery"
# What is only in the figures of the one domain.
MARKS = (SECRET, "unseen", "secretive", "Firefox", "lettre")
OPEN = re.compile(
    r"/api/v1/(?:events|noscript)/.*|/api/v1/healthcheck|/static/(?:wa|dashboard)\.js|/(?:login|logout|setup|share)?"
)
# Pages that lead whoever is nobody to a log-in.
SETTINGS = tuple(f"/settings/{name}" for name in ("account", "users", "tokens", "shares", "audit"))
PAGES = ("/dashboard", "/dashboard/list", "/dashboard/filter", "/settings", *SETTINGS)
LISTS = ("top-pages", "sources", "top-countries", "top-custom-events", "custom-properties", "top-file-downloads")
WIDE = {"from": "now-1d", "to": "now+1h", "interval": "hour", "limit": "100"}
BY = operator("test")


class Cast:
    """Everybody who may want to look, as what they send: headers, cookies, and parameters."""

    def __init__(self, control: Control) -> None:
        now = int(time.time())
        accounts, tokens, shares = Accounts(control), Tokens(control), Shares(control)
        self.accounts, self.tokens, self.shares = accounts, tokens, shares
        accounts.add(BY, "ada", "admin", (), PASSWORD, now)
        accounts.add(BY, "eve", "viewer", (OTHER,), PASSWORD, now)
        accounts.add(BY, "bob", "viewer", (SECRET,), PASSWORD, now)
        self.admin = self.cookie("ada")
        self.insiders = {
            "admin": self.admin,
            "viewer": self.cookie("bob"),
            "token": self.bearer(tokens.add(BY, "t", now)[1]),
            "token of the domain": self.bearer(tokens.add(BY, "t", now, domains=(SECRET,))[1]),
            "share link": {"params": {"share": shares.add(BY, SECRET, now)[1]}},
            "share link as token": self.bearer(shares.add(BY, SECRET, now)[1]),
        }
        eve = accounts.find_login(self.cookie("eve")["cookies"]["prisme_login"], now)
        assert eve
        # These are somebody, for another domain.
        self.outsiders = {
            "viewer": self.cookie("eve"),
            "token": self.bearer(tokens.add(BY, "t", now, domains=(OTHER,))[1]),
            "token of a viewer": self.bearer(tokens.add(eve.grant, "t", now)[1]),
            "share link": {"params": {"share": shares.add(BY, OTHER, now)[1]}},
            "share link as token": self.bearer(shares.add(BY, OTHER, now)[1]),
            "share link over a log-in": {"params": {"share": shares.add(BY, OTHER, now)[1]}, **self.admin},
        }
        past, soon = now - 100, now - 50
        removed, key = tokens.add(BY, "t", now)
        tokens.remove(BY, removed.id, now)
        lost, lost_key = shares.add(BY, SECRET, now)
        shares.remove(BY, lost.id, now)
        locked = shares.add(BY, SECRET, now, password=PASSWORD)[1]
        # And these are nobody.
        self.nobodies: dict[str, Any] = {
            "stranger": {},
            "expired token": self.bearer(tokens.add(BY, "t", past, expires=soon)[1]),
            "removed token": self.bearer(key),
            "expired share link": {"params": {"share": shares.add(BY, SECRET, past, expires=soon)[1]}},
            "removed share link": {"params": {"share": lost_key}},
            "locked share link": {"params": {"share": locked}},
            "locked share link as token": self.bearer(locked),
            "locked share link, with a key of one's own": {
                "params": {"share": locked},
                "cookies": {f"prisme_unlocked_{number}": "x" for number in range(20)},
            },
            "garbage": self.bearer("garbage"),
            "basic": {"headers": {"Authorization": "Basic YWRhOmFkYQ=="}},
            "wrong token over a log-in": {**self.bearer("prtok_x"), **self.admin},
            "invented cookie": {"cookies": {"prisme_login": "ada"}},
        }

    def cookie(self, name: str) -> dict[str, Any]:
        return {"cookies": {"prisme_login": self.accounts.open(name, int(time.time()))}}

    @staticmethod
    def bearer(key: str) -> dict[str, Any]:
        return {"headers": {"Authorization": f"Bearer {key}"}}


@pytest.fixture(scope="module")
def routes() -> Iterator[dict[str, Methods]]:
    """The routes that `prisme serve` was built with; filled when `server` starts."""
    with watch_routes() as routes:
        yield routes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, routes: dict[str, Methods]) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("access")) as started:
        see(started)
        yield started


@pytest.fixture(scope="module")
def cast(server: LiveServer) -> Cast:
    return Cast(Control(server.folder))


def see(server: LiveServer) -> None:
    """One visit with everything, on the one domain."""
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    utm = "utm_source=lettre&utm_medium=lettre&utm_campaign=lettre&utm_term=lettre&utm_content=lettre"
    page = f"https://{SECRET}/unseen?{utm}"
    came = {"X_Prisme_Document_Referrer": "https://secretive.example.org/", "X_Prisme_Status": "418"}
    events = {
        "pageviews": b"",
        "custom/unseen": b'{"unseen": "unseen"}',
        "file-downloads": f"https://{SECRET}/unseen".encode(),
        "outbound-links": b"https://secretive.example.org/",
    }
    for kind, body in events.items():
        headers = {**browser(page, user_agent=firefox, **came), "Content-Type": "application/json"}
        assert server.http.post(f"/api/v1/events/{kind}", headers=headers, content=body).status_code == 200
    server.settle()


def ask(server: LiveServer, method: str, path: str, who: dict[str, Any], **more: Any) -> httpx.Response:
    params = {**who.get("params", {}), **more.pop("params", {})}
    headers = {**who.get("headers", {}), **more.pop("headers", {})}
    with httpx.Client(base_url=server.url, cookies=who.get("cookies"), timeout=20) as client:
        return client.request(method, path, params=params or None, headers=headers, **more)


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


def test_nobody_gets_nothing(server: LiveServer, routes: dict[str, Methods], cast: Cast) -> None:
    for pattern, method in guarded(routes):
        for path in paths_of(pattern)[: 3 if "stats" in pattern else 2]:
            for name, who in cast.nobodies.items():
                answer = ask(server, method, path, who)
                assert answer.status_code == 401, (name, method, path, answer.text)
                assert says_nothing(answer), (name, method, path)


def test_nobody_sees_a_page(server: LiveServer, routes: dict[str, Methods], cast: Cast) -> None:
    assert set(PAGES) <= set(routes)
    for path in PAGES:
        for name, who in cast.nobodies.items():
            answer = ask(server, "GET", path, who, params={"name": "top-pages"})
            led = answer.status_code == 303 and answer.headers["location"].startswith(
                ("/login", "/share?", "/settings/account")
            )
            assert led or answer.status_code == 401, (name, path, answer.text)
            assert says_nothing(answer), (name, path)


def test_outsiders_see_pages_without_figures(server: LiveServer, cast: Cast) -> None:
    for who in cast.outsiders.values():
        for path in ("/dashboard", *(f"/dashboard/list?name={name}" for name in LISTS)):
            query = {} if "?" not in path else {"name": path.partition("=")[2]}
            answer = ask(server, "GET", path.partition("?")[0], who, params={**query, "period": "24h"})
            assert answer.status_code == 200, answer.text
            assert says_nothing(answer), path


def test_insiders_see_the_pages(server: LiveServer, cast: Cast) -> None:
    """So that the test before can fail."""
    for who in cast.insiders.values():
        answer = ask(server, "GET", "/dashboard", who, params={"period": "24h"})
        assert answer.status_code == 200, answer.text
        assert not says_nothing(answer)


@pytest.mark.parametrize("name", NAMES)
def test_insiders_see_the_figures(server: LiveServer, cast: Cast, name: str) -> None:
    """So that the next test can fail."""
    for who in cast.insiders.values():
        answer = ask(server, "GET", f"/api/v1/stats/{name}", who, params=WIDE)
        assert answer.status_code == 200, answer.text
        assert sum_of(answer.json()) > 0 or name in {"sessions-duration", "bounces"}
        if name.startswith(("top-", "custom")):
            assert any(mark in answer.text for mark in (*MARKS, "418", "Linux", "Other", "desktop", "XX"))


FILTERS = [
    {},
    {"domain": "*"},
    {"domain": f"!{OTHER}"},
    {"path": "/unseen"},
    {"entry-path": "/h*"},
    {"event": "unseen"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_outsiders_see_none(server: LiveServer, cast: Cast, filters: dict[str, str]) -> None:
    for who in cast.outsiders.values():
        for name in NAMES:
            answer = ask(server, "GET", f"/api/v1/stats/{name}", who, params={**WIDE, **filters})
            assert answer.status_code == 200, answer.text
            assert says_nothing(answer)
            assert sum_of(answer.json()) == 0


def sum_of(told: Any) -> float:
    """All figures of an answer together."""
    if isinstance(told, dict):
        return sum(sum_of(one) for name, one in told.items() if name not in {"from", "to", "keys", "interval", "tz"})
    return sum(map(sum_of, told)) if isinstance(told, list) else float(told or 0)


def test_a_domain_of_others_is_refused(server: LiveServer, cast: Cast) -> None:
    for name, who in cast.outsiders.items():
        answer = ask(server, "GET", f"/api/v1/stats/{DASHBOARD}", who, params={"domain": f"{OTHER},{SECRET}"})
        assert (answer.status_code, answer.text) == (403, f"domain: '{SECRET}' is not one of yours\n"), name


def test_only_admins_manage(server: LiveServer, routes: dict[str, Methods], cast: Cast) -> None:
    own = {
        "/dashboard/views",
        "/settings/account",
        "/settings/tokens",
        "/api/v1/me",
        "/api/v1/tokens",
        "/api/v1/tokens/:name",
    }
    readers = [*cast.outsiders.values(), *(who for name, who in cast.insiders.items() if name != "admin")]
    for pattern, method in guarded(routes):
        if "stats" in pattern or pattern in own:
            continue
        for who in readers:
            answer = ask(server, method, paths_of(pattern)[0], who)
            assert answer.status_code == 403, (method, pattern, answer.text)
            assert says_nothing(answer)


def test_a_stats_token_makes_no_token(server: LiveServer, cast: Cast) -> None:
    for name in ("token", "token of a viewer", "share link", "share link as token"):
        for method in ("GET", "POST"):
            answer = ask(server, method, "/api/v1/tokens", cast.outsiders[name], json={"name": "x"})
            assert answer.status_code == 400, (name, method)
            assert says_nothing(answer)


def test_an_admin_token_without_the_scope_stats_sees_no_figure(server: LiveServer) -> None:
    headers = server.make_token(scopes=(ADMIN,))
    assert server.http.get("/api/v1/stats/visitors", headers=headers).status_code == 403
    assert server.http.get("/api/v1/users", headers=headers).status_code == 200


def test_viewers_manage_their_own_tokens(server: LiveServer, cast: Cast) -> None:
    eve, bob = cast.cookie("eve"), cast.cookie("bob")

    def make(fields: dict[str, Any]) -> httpx.Response:
        return ask(server, "POST", "/api/v1/tokens", eve, json=fields)

    assert make({"name": "x", "domains": [SECRET]}).text == f"you do not see {SECRET} yourself\n"
    assert make({"name": "x", "scopes": [ADMIN]}).status_code == 400
    made = make({"name": "x", "expires": "30d"})
    assert made.status_code == 201
    token, id_ = cast.bearer(made.json()["token"]), made.json()["id"]
    assert ask(server, "GET", "/api/v1/me", token).json() == {
        "name": f"token:{id_}",
        "scopes": [STATS],
        "domains": [OTHER],
    }
    assert id_ in [one["id"] for one in ask(server, "GET", "/api/v1/tokens", eve).json()["tokens"]]
    assert id_ not in [one["id"] for one in ask(server, "GET", "/api/v1/tokens", bob).json()["tokens"]]
    assert ask(server, "DELETE", f"/api/v1/tokens/{id_}", bob).status_code == 404
    assert ask(server, "DELETE", f"/api/v1/tokens/{id_}", eve).status_code == 204
    assert ask(server, "GET", "/api/v1/me", token).status_code == 401


def test_changes_work_at_once(server: LiveServer, cast: Cast) -> None:
    """What an account loses, its log-ins and tokens lose."""

    def change(method: str, **fields: Any) -> int:
        return ask(server, method, "/api/v1/users/kim", cast.admin, json=fields or None).status_code

    new = {"name": "kim", "password": PASSWORD, "role": "admin"}
    assert ask(server, "POST", "/api/v1/users", cast.admin, json=new).status_code == 201
    cookie = cast.cookie("kim")
    made = ask(server, "POST", "/api/v1/tokens", cookie, json={"name": "x", "scopes": [STATS, ADMIN]})
    token = cast.bearer(made.json()["token"])
    assert ask(server, "GET", "/api/v1/users", token).status_code == 200
    assert change("PATCH", role="viewer", domains=[OTHER]) == 204
    for who in (cookie, token):
        assert ask(server, "GET", "/api/v1/users", who).status_code == 403
        assert ask(server, "GET", "/api/v1/me", who).json()["domains"] == [OTHER]
    assert (
        ask(server, "PATCH", "/api/v1/users/Kim", cast.admin, json={"password": "another good one"}).status_code == 204
    )
    assert ask(server, "GET", "/api/v1/me", cookie).status_code == 401
    assert change("DELETE") == 204
    assert ask(server, "GET", "/api/v1/me", token).status_code == 401
    audit = ask(server, "GET", "/api/v1/audit", cast.admin).json()["audit"]
    told = [(one["actor"], one["action"], one["detail"]) for one in audit if one["subject"] == "kim"]
    assert told == [
        ("user:ada", "user.remove", ""),
        ("user:ada", "user.passwd", ""),
        ("user:ada", "user.role", f"viewer {OTHER}"),
        ("user:kim", "login", ""),
        ("user:ada", "user.add", "admin"),
    ]


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("users", {"name": "ada", "password": PASSWORD, "role": "admin"}, "there is an account 'ada' already"),
        ("users", {"name": "A b", "password": PASSWORD, "domains": ["a.b"]}, "'a b' is no name for an account: "),
        ("users", {"name": "x", "password": "short", "domains": ["a.b"]}, "a password has 10 to 256 characters"),
        ("users", {"name": "x", "password": PASSWORD, "role": "root"}, "'root' is no role: "),
        ("users", {"name": "x", "password": PASSWORD}, "a viewer sees some domains: "),
        ("users", {"name": "x", "password": PASSWORD, "domains": ["https://a.b"]}, "'https://a.b' is no domain: "),
        ("users", {"name": "x", "password": PASSWORD, "nmae": 1}, "Object contains unknown field `nmae`"),
        ("tokens", {"name": ""}, "a token has a name of 1 to 100 characters"),
        ("tokens", {"name": "x", "scopes": []}, "a token's scopes are some of stats, admin"),
        ("tokens", {"name": "x", "domains": []}, "name at least one domain, or "),
        ("tokens", {"name": "x", "scopes": ["admin"], "domains": ["a.b"]}, "who may change everything sees all"),
        ("tokens", {"name": "x", "expires": "2001"}, "a token's end lies in the future"),
        ("tokens", {"name": "x", "expires": "never"}, "'never' is no end, such as 30d, 12h, 2027-01-31"),
        ("shares", {"domain": "*"}, "'*' is no domain: "),
        ("shares", {"domain": "a.b", "password": "short"}, "a password has "),
        ("shares", {"domain": "a.b", "password": ""}, "a password has "),
        ("shares", {"domain": "a.b", "expires": "0"}, "a share link's end lies in the future"),
    ],
)
def test_wrong_fields_are_named(server: LiveServer, cast: Cast, path: str, body: dict[str, Any], told: str) -> None:
    answer = ask(server, "POST", f"/api/v1/{path}", cast.admin, json=body)
    assert answer.status_code == 400
    assert answer.text.startswith(told)


def test_the_last_admin_stays(tmp_path: Path) -> None:
    with LiveServer(tmp_path) as server:
        cast_of_one = Accounts(Control(server.folder))
        cast_of_one.add(BY, "ada", "admin", (), PASSWORD, 0)
        who = {"cookies": {"prisme_login": cast_of_one.open("ada", int(time.time()))}}
        for method, body in (("DELETE", None), ("PATCH", {"role": "viewer", "domains": ["a.b"]})):
            answer = ask(server, method, "/api/v1/users/ada", who, json=body)
            assert answer.text == "this is the last admin: make another one first\n"


# ----- the ways in


def log_in(client: httpx.Client, name: str, password: str, **headers: str) -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password, "next": "/"}, headers=headers)


def test_the_first_account_is_made_by_a_link_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "prisme")
    with LiveServer(tmp_path) as server:
        assert "There is no account yet" in server.http.get("/login").text
        (link,) = re.findall(r"http://127\.0\.0\.1:\d+(/setup\?key=\S+)", caplog.text)
        fields = {"key": link.partition("=")[2], "name": "Ada", "password": PASSWORD, "again": PASSWORD}
        assert server.http.get("/setup?key=wrong").status_code == 401
        assert server.http.post("/setup", data={**fields, "key": "wrong"}).status_code == 401
        assert 'name="again"' in server.http.get(link).text
        for wrong in ({"again": "something else"}, {"password": "short", "again": "short"}, {"name": "<i>"}):
            answer = server.http.post("/setup", data={**fields, **wrong})
            assert answer.status_code == 400
            assert 'role="alert"' in answer.text
            assert "<i>" not in answer.text
        made = server.http.post("/setup", data=fields)
        assert (made.status_code, made.headers["location"]) == (303, "/")
        assert server.http.get("/api/v1/me").json() == {"name": "user:ada", "scopes": [ADMIN, STATS], "domains": None}
        assert server.http.get(link).status_code == server.http.post("/setup", data=fields).status_code == 401
        assert server.http.get("/").headers["location"] == "/dashboard"
        assert "Waiting for the first visit" in server.http.get("/dashboard").text
    caplog.clear()
    with LiveServer(tmp_path):
        assert "/setup" not in caplog.text


def test_log_in_and_out(server: LiveServer, cast: Cast) -> None:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        assert client.get("/").headers["location"] == "/dashboard"
        assert client.get("/dashboard").headers["location"] == "/login?next=%2Fdashboard"
        wrong = log_in(client, "eve", "not this one")
        assert (wrong.status_code, wrong.headers.get("set-cookie")) == (401, None)
        assert "name and password do not belong together" in wrong.text
        assert log_in(client, "nobody", PASSWORD).status_code == 401
        entered = log_in(client, " Eve ", PASSWORD)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert client.get("/api/v1/me").json()["name"] == "user:eve"
        assert client.get("/login").headers["location"] == "/"
        kept = dict(client.cookies)
        assert client.post("/logout").headers["location"] == "/login"
        assert not client.cookies
        client.cookies.update(kept)
        assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("following", "to"),
    [
        ("/api/v1/me?x=1", "/api/v1/me?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nX-Evil: 1", "/"),
        ("", "/"),
    ],
)
def test_a_log_in_leads_to_this_server_alone(server: LiveServer, cast: Cast, following: str, to: str) -> None:
    fields = {"name": "eve", "password": PASSWORD, "next": following}
    assert httpx.post(f"{server.url}/login", data=fields).headers["location"] == to


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://prisme.example.com", "Host": "prisme.example.com"}, True),
        ({"Origin": "http://evil.example", "Host": "prisme.example.com"}, False),
        ({"Origin": "http://prisme.example.com:81", "Host": "prisme.example.com"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, True),  # which no page can forge
    ],
)
def test_no_other_page_changes_anything(
    server: LiveServer, cast: Cast, headers: dict[str, str], admitted: bool
) -> None:
    answer = httpx.post(f"{server.url}/login", data={"name": "eve", "password": PASSWORD}, headers=headers)
    assert answer.status_code == (303 if admitted else 403)
    new = {"domain": "example.com"}
    answer = ask(server, "POST", "/api/v1/shares", cast.admin, json=new, headers=headers)
    assert answer.status_code == (201 if admitted else 403)


def test_forms_are_no_json(server: LiveServer, cast: Cast) -> None:
    """What another page could send without asking first."""
    answer = ask(server, "POST", "/api/v1/shares", cast.admin, content=b'{"domain": "a.b"}')
    assert answer.text == "the body is JSON: send Content-Type: application/json\n"


@pytest.mark.parametrize(
    ("options", "headers", "secure"),
    [
        ({"trust_proxy": "false"}, {"X-Forwarded-Proto": "https"}, False),
        ({}, {"X-Forwarded-Proto": "https"}, True),
        ({}, {"X-Forwarded-Proto": "http"}, False),
        ({"trust_proxy": "true"}, {"X-Forwarded-Proto": "https"}, True),
        ({"trust_proxy": "true"}, {"X-Forwarded-Proto": "http"}, False),
        ({}, {"Origin": "https://127.0.0.1", "Host": "127.0.0.1"}, True),
    ],
)
def test_cookies_are_secure_on_tls(
    tmp_path: Path, options: dict[str, str], headers: dict[str, str], secure: bool
) -> None:
    with LiveServer(tmp_path, **options) as server:
        Accounts(Control(server.folder)).add(BY, "ada", "admin", (), PASSWORD, 0)
        cookie = log_in(server.http, "ada", PASSWORD, **headers).headers["set-cookie"]
        assert ("Secure" in cookie.split("; ")) == secure


def test_guessing_has_to_wait(tmp_path: Path) -> None:
    """An address is locked out, right password or not; another one is not, nor is who has logged in."""
    with LiveServer(tmp_path, trust_proxy="true") as server:
        accounts, shares = Accounts(Control(server.folder)), Shares(Control(server.folder))
        accounts.add(BY, "ada", "admin", (), PASSWORD, 0)
        key = shares.add(BY, SECRET, 0, password=PASSWORD)[1]
        inside = {"cookies": {"prisme_login": accounts.open("ada", int(time.time()))}}
        guesser, neighbour = {"X-Forwarded-For": "8.8.8.8"}, {"X-Forwarded-For": "8.8.8.9"}
        for _ in range(PER_ADDRESS):
            assert log_in(server.http, "ada", "wrong", **guesser).status_code == 401
        refused = log_in(server.http, "ada", PASSWORD, **guesser)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 900
        unlock = server.http.post("/share", params={"share": key}, data={"password": PASSWORD}, headers=guesser)
        assert unlock.status_code == 429
        assert log_in(server.http, "ada", PASSWORD, **neighbour).status_code == 303
        assert ask(server, "GET", "/api/v1/me", inside).status_code == 200


def test_share_links_with_a_password(server: LiveServer, cast: Cast) -> None:
    key = cast.shares.add(BY, SECRET, int(time.time()), password=PASSWORD)[1]
    other = cast.shares.add(BY, SECRET, int(time.time()), password=PASSWORD)[1]
    with httpx.Client(base_url=server.url, timeout=20) as client:
        assert client.get("/dashboard", params={"share": key}).headers["location"] == f"/share?share={key}"
        assert SECRET in client.get("/share", params={"share": key}).text
        wrong = client.post("/share", params={"share": key}, data={"password": "not this one"})
        assert (wrong.status_code, wrong.headers.get("set-cookie")) == (401, None)
        opened = client.post("/share", params={"share": key}, data={"password": PASSWORD})
        assert (opened.status_code, opened.headers["location"]) == (303, f"/dashboard?share={key}")
        assert SECRET in client.get("/dashboard", params={"share": key}).text
        figure = {"share": key, **WIDE}
        assert sum_of(client.get("/api/v1/stats/pageviews", params=figure).json()) == 1
        assert client.get("/api/v1/stats/pageviews", params={"share": other}).status_code == 401
        client.post("/share", params={"share": other}, data={"password": PASSWORD})
        for one in (key, other):  # both stay open in one browser
            assert client.get("/api/v1/stats/pageviews", params={"share": one}).status_code == 200
        assert client.get("/api/v1/users", params={"share": key}).status_code == 403


def test_pages_keep_to_themselves(server: LiveServer, cast: Cast) -> None:
    for path in (
        "/login",
        f"/dashboard?share={cast.outsiders['share link']['params']['share']}",
        "/setup",
        "/share?share=x",
    ):
        answer = server.http.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "private, no-store"


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


# ----- questions


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("visitors?from=x", 400, "from: 'x' is no time, such as "),
        ("visitors?path=/a&path=/b", 400, "'path': comes twice; write a list with commas"),
        ("visitors?%ff=1", 400, "parameters are UTF-8"),
        ("visitors?" + "&".join(f"a{number}=1" for number in range(101)), 400, "parameters are UTF-8, and at most 100"),
        ("visitors?a%0d%0aX-Evil:1=1", 400, "a??X-Evil"),
        ("vistors", 404, "'vistors' is no figure; there are visitors, "),
        ("dashboard.csv", 404, "'dashboard.csv' is no figure"),
    ],
)
def test_wrong_questions_are_answered(server: LiveServer, cast: Cast, query: str, status: int, told: str) -> None:
    answer = ask(server, "GET", f"/api/v1/stats/{query}", cast.insiders["token"])
    assert answer.status_code == status
    assert answer.text.startswith(told)
    assert "x-evil" not in answer.headers


def test_csv_by_accept(server: LiveServer, cast: Cast) -> None:
    for accept, kind in (
        ("text/csv", "text/csv"),
        ("application/json, text/csv", "application/json"),
        ("*/*", "application/json"),
    ):
        told = ask(server, "GET", "/api/v1/stats/top-pages", cast.admin, params=WIDE, headers={"Accept": accept})
        assert told.headers["content-type"].startswith(kind)
        if kind == "text/csv":
            assert told.text == "key,value\r\n/unseen,1\r\n"
            assert told.headers["content-disposition"] == 'attachment; filename="top-pages.csv"'


def test_late_answers_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that takes for ever: DuckDB itself is interrupted."""
    many = "range(10000000) AS a, range(10000000) AS b WHERE a.range % 7 = b.range % 11"
    slow = f"SELECT -1, count(*) FROM {many} AND NOT EXISTS ({{rows}})"
    monkeypatch.setattr("prisme.stats.queries._COUNT", slow)
    with LiveServer(tmp_path, api_stats_timeout="200ms") as server:
        answer = server.http.get("/api/v1/stats/pageviews", headers=server.make_token())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert answer.text == "the answer took over 0.2 s: ask for less time, or with fewer filters\n"
        assert server.http.get("/api/v1/stats/sessions", headers=server.make_token()).status_code == 200


def test_a_long_question_does_not_hold_up_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "range(10000000) AS a, range(10000000) AS b WHERE a.range % 7 = b.range % 11"
    monkeypatch.setattr(
        "prisme.stats.queries._COUNT",
        f"SELECT -1, count(*) FROM {many} AND NOT EXISTS ({{rows}})",
    )
    monkeypatch.setattr("prisme.serve._DRAIN_SECONDS", 0.2)
    with LiveServer(tmp_path, api_stats_timeout="10m") as server, ThreadPoolExecutor() as threads:
        headers = server.make_token()
        asking = threads.submit(httpx.get, f"{server.url}/api/v1/stats/pageviews", headers=headers, timeout=60)
        time.sleep(1)
        assert not asking.done()
        server.stop()
        assert isinstance(asking.exception(), httpx.TransportError) or asking.result().status_code == 503


def test_too_many_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prisme.serve._MOST_QUESTIONS", 0)
    with LiveServer(tmp_path) as server:
        answer = server.http.get("/api/v1/stats/pageviews", headers=server.make_token())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_ingestion_alone_has_no_figures(tmp_path: Path) -> None:
    with LiveServer(tmp_path, mode="ingestion") as server:
        for path in ("/", "/login", "/setup", "/api/v1/stats/visitors", "/api/v1/users", "/static/wa.js"):
            assert server.http.get(path, headers=server.make_token()).status_code == 404
