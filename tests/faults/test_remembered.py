"""What memory remembers of visitors: no more of each than docs/privacy.md says."""

import functools
import gc
from pathlib import Path

import pytest

from prisme.access import audit, login_attempts
from prisme.access.accounts import Accounts
from prisme.access.grants import operator
from prisme.access.login_attempts import AttemptLimiter
from prisme.base.events import NO_UTM, Client, Session
from prisme.base.memo import Memo
from prisme.runtime.housekeeping import TICK_SECONDS
from prisme.store.control import Control
from prisme.visit import address
from prisme.visit.bots import Bots
from prisme.visit.concentration import Concentration
from prisme.visit.origins import Origins
from prisme.visit.ratelimit import WINDOW, RateLimiter
from prisme.visit.sessions import PAGES, SHARDS, Sessions, begin
from prisme.visit.sites import Rules, Sites
from prisme.visit.useragent import UserAgents
from prisme.web.request import Proxy
from tests.server import LiveServer, browser
from tests.web.requests import make_request


def fill(memo: Memo[bytes, object], most: int, key: str) -> None:
    """More different keys than it may have, and one that is too long."""
    for number in range(most + 10):
        memo[key.format(number).encode()]
        assert len(memo) <= most
    assert 0 < len(memo) <= 10  # it forgot all the others
    long = key.format("x" * 256).encode()
    memo[long]
    assert long not in memo


@pytest.mark.parametrize(("name", "most"), [("pages", 8192), ("referrers", 8192), ("admits", 1024)])
@pytest.mark.parametrize("url", ["https://example.com/{}", "https://example.com/?{}"])
def test_urls(name: str, most: int, url: str) -> None:
    fill(getattr(Sites(Origins(["example.com"]), Rules()), name), most, url)


SECRET = "-".join(("only", "known", "to", "the", "visitor"))


@pytest.mark.parametrize("unsaid", ["/?token={}", "/#{}", "/?utm_source=letter&e-mail={}#x", "/@x?{}"])
@pytest.mark.parametrize("start", ["https://example.com", "https://unknown.example", "example.com"])
def test_no_query_or_fragment(start: str, unsaid: str) -> None:
    """Neither in keys nor in values, whatever the URL reads as."""
    sites = Sites(Origins(["example.com"]), Rules(page_parameters=["page"]))
    for memo in (sites.pages, sites.referrers, sites.admits):
        memo[(start + unsaid.format(SECRET)).encode()]
        assert len(memo) == 1
        assert SECRET not in repr(memo)


def test_no_user_info() -> None:
    sites = Sites(Origins(["example.com"]), Rules())
    for memo in (sites.pages, sites.referrers, sites.admits):
        memo[f"https://jane:{SECRET}@example.com/".encode()]
        assert SECRET not in repr(memo)


def test_no_query_in_any_cache_of_a_server(live: LiveServer, site: str) -> None:
    """Nothing in the memos and the `lru_cache`s of the process, after requests of all kinds."""
    said = {"page": f"https://{site}/?token={SECRET}", "other": f"https://me:{SECRET}@other.example/?token={SECRET}"}
    headers = browser(said["page"], X_Prisme_Document_Referrer=said["other"], Referer=said["page"])
    for path in ("pageviews", "custom/x"):
        assert live.http.post(f"/api/v1/events/{path}", headers=headers).status_code < 300
    for origin in (site, "unknown.example"):
        query = {"referrer": said["page"], "document-referrer": said["other"]}
        sent = {"Referer": f"https://{origin}/?token={SECRET}"}
        live.http.get("/api/v1/noscript/events/pageviews", params=query, headers=sent)
    live.settle()
    del headers, query, sent
    said.clear()
    gc.unfreeze()  # a server freezes what it was built of
    memos = [one for one in gc.get_objects() if isinstance(one, Memo)]
    others = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)]
    ours = [one for one in others if (getattr(one, "__module__", "") or "prisme").startswith("prisme")]
    assert len(memos) > 5
    assert len(ours) > 5
    assert SECRET not in repr(memos)
    assert SECRET not in repr([gc.get_referents(one) for one in ours])


def test_addresses() -> None:
    proxy = Proxy("true", "X-Forwarded-For", 1, "X-Request-Id")
    for number in range(20_000):
        sent = f"{number >> 8 & 255}.{number & 255}.1.1".encode()
        proxy.clients([make_request(proxy, [(b"x-forwarded-for", sent)], "127.0.0.1")])
        address.parse(sent.decode())
        assert len(proxy._known) <= 16_384
        assert len(address._known) <= 16_384
    assert sent in proxy._known
    assert sent.decode() in address._known


def test_user_agents() -> None:
    agents = UserAgents(Bots("strict", ()).refuse)
    for cached in (agents._read_cached, agents._parse_cached):
        assert cached.cache_parameters()["maxsize"] == 10_000


def test_addresses_of_new_visits() -> None:
    known = Concentration()
    for number in range(1001):
        known.add(number)
    assert list(known._keys) == list(range(1, 1001))


def test_addresses_of_the_rate_limit() -> None:
    """Counts of two windows in which requests came."""
    limiter = RateLimiter(60)
    for number, client in enumerate(["198.51.100.7", "203.0.113.1", "203.0.113.2"]):
        one = address.parse(client)
        limiter.retry_after([one], [100], number * WINDOW)
    keys = {*limiter._young, *limiter._old}
    assert address.parse("198.51.100.7").key not in keys
    assert keys == {address.parse("203.0.113.1").key, address.parse("203.0.113.2").key}


def test_addresses_with_wrong_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    assert login_attempts._MAX_KEYS == 50_000
    monkeypatch.setattr(login_attempts, "_MAX_KEYS", 5)
    wrong = AttemptLimiter()
    for number in range(20):
        assert wrong.reserve({f"198.51.100.{number}": 20}, number) == 0
        assert len(wrong._attempts) <= 6
    assert "198.51.100.19" in wrong._attempts  # the oldest are forgotten first
    wrong.reserve({"other": 20}, 19 + login_attempts.WINDOW)
    assert list(wrong._attempts) == ["other"]


def test_an_address_with_the_right_password_is_not_remembered() -> None:
    limiter, limits = AttemptLimiter(), {"198.51.100.1": 20}
    limiter.reserve(limits, 0.0)
    limiter.release(limits)
    assert not limiter._attempts


def test_changes_of_who_may_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit._MAX_ENTRIES == {"change": 100_000, "login": 50_000, "attempt": 10_000}
    monkeypatch.setattr(audit, "_MAX_ENTRIES", {"change": 5, "login": 3, "attempt": 2})
    accounts = Accounts(Control(tmp_path))
    for number in range(10):
        accounts.add(operator("test"), f"user-{number}", "admin", (), "correct horse battery", 0)
        accounts.create_login("user-0", 0)
        with Control(tmp_path).change() as connection:
            audit.record_attempt(connection, 0, audit.ANONYMOUS, "login.failed", f"user-{number}")
    with Control(tmp_path).read() as connection:
        found = connection.execute("SELECT kind, count(*), max(id) FROM audit GROUP BY kind ORDER BY kind").fetchall()
    assert found == [("attempt", 2, 30), ("change", 5, 28), ("login", 3, 29)]


def test_visits_and_the_paths_of_their_pages() -> None:
    """A visit is over after 30 minutes; each second, one of the shards is looked through for those."""
    assert SHARDS * TICK_SECONDS < 300
    minute = 60_000_000
    sessions = Sessions(30 * minute, 64)
    client = Client("Linux", "Firefox", "Other", "desktop")
    session = Session("u", "a.example", 0, "/0", 0, "/0", 200, "v", client, "XX", "direct", NO_UTM, 1, 0)
    for device in range(1000):
        visit = begin(session)
        sessions.put(device, visit, 0)
        for number in range(20):
            after = visit.go_on(visit.session.view(f"/{number}", 0, 200, "v"))
            sessions.replace(device, visit, after)
            visit = after
        assert 1 + len(visit.earlier) == PAGES == 8
    assert len(sessions) == 1000
    for _ in range(SHARDS):
        sessions.sweep(30 * minute)
    assert len(sessions) == 0
    assert not any(sessions._shards)


def test_nothing_is_put_into_browsers(live: LiveServer, site: str) -> None:
    """No cookie, and nothing that a cache would send back; the script reads and writes the one switch alone."""
    script = live.http.get("/static/wa.js").text
    assert script.count("localStorage") == script.count(
        'localStorage["prismeAnalytics.tracking.enable"]'
    ) + script.count("localStorage['prismeAnalytics.tracking.enable']")
    for word in ("cookie", "sessionStorage", "indexedDB", "caches.", "canvas", "fonts", "plugins", "screen"):
        assert word not in script
    page = f"https://{site}/"
    headers = browser(page)
    answers = [
        live.http.post("/api/v1/events/pageviews", headers=headers),
        live.http.post("/api/v1/events/custom/x", headers=headers),
        live.http.post("/api/v1/events/outbound-links", headers=headers, content="https://example.org/"),
        live.http.get("/api/v1/noscript/events/pageviews", params={"referrer": page}, headers=headers),
        live.http.options("/api/v1/events/pageviews", headers=headers),
    ]
    for answer in answers:
        assert answer.status_code < 300
        assert not {"set-cookie", "etag", "last-modified"} & set(answer.headers)
