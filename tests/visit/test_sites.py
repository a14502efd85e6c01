"""What URLs say of pages, referrers and origins: the site, the path, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base import refusal
from prisme.base.events import NO_UTM, Utm
from prisme.base.memo import UrlMemo
from prisme.base.refusal import Refusal
from prisme.stats.filters import read as read_filters
from prisme.visit.origins import Origins
from prisme.visit.sites import Page, Referrer, Rules, Sites
from tests.visit.test_origins import REGISTRY


def build(*origins: str, **rules: Any) -> Sites:
    """Sites of these origins, by default `example.com` and all below."""
    return Sites(Origins(origins or ("example.com", "*.example.com")), Rules(**rules))


def page(sites: Sites, raw: str | bytes) -> Page:
    """A page that is no refusal."""
    read = sites.pages[raw if isinstance(raw, bytes) else raw.encode()]
    assert isinstance(read, Page)
    return read


def referrer(sites: Sites, raw: str) -> Referrer:
    """A referrer that says something."""
    read = sites.referrers[raw.encode()]
    assert isinstance(read, Referrer)
    return read


# ----- origins


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        pytest.param(b"https://example.com", True, id="exact"),
        pytest.param(b"http://example.com", True, id="either scheme"),
        pytest.param(b"https://example.com:8443", True, id="any port"),
        pytest.param(b"HTTPS://EXAMPLE.COM", True, id="any case"),
        pytest.param(b"https://example.com.", True, id="root's dot"),
        pytest.param(b"https://example.com/page?x", True, id="whole Referer"),
        pytest.param(b"https://www.example.com", False, id="below an exact host"),
        pytest.param(b"https://shop.example.com", True, id="entry's case and blanks"),
        pytest.param(b"https://com", False, id="above an exact host"),
        pytest.param(b"https://notexample.com", False, id="same ending"),
        pytest.param(b"https://example.com.evil.net", False, id="same beginning"),
        pytest.param(b"https://www.example.org", True, id="wildcard"),
        pytest.param(b"https://a.b.c.example.org:1", True, id="wildcard, any depth"),
        pytest.param(b"https://example.org", False, id="wildcard's apex"),
        pytest.param(b"https://notexample.org", False, id="wildcard needs a dot"),
        pytest.param(b"https://.example.org", False, id="wildcard, empty label"),
        pytest.param(b"https://org", False, id="above the wildcard"),
        pytest.param(b"https://xn--mnchen-3ya.de", True, id="punycode"),
        pytest.param("https://MÜNCHEN.de".encode(), True, id="IDN"),
        pytest.param(b"https://a.xn--bcher-kva.example", True, id="wildcard over an IDN"),
        pytest.param(b"https://xn--bcher-kva.example", False, id="IDN wildcard's apex"),
        pytest.param(b"http://localhost:3000", True, id="localhost"),
        pytest.param(b"http://127.0.0.1:8000", True, id="IPv4"),
        pytest.param(b"http://127.0.0.2", False, id="other IPv4"),
        pytest.param(b"http://[::1]:8000", True, id="IPv6"),
        pytest.param(b"http://[::2]", False, id="other IPv6"),
        pytest.param(b"http://root.example", True, id="entry with the root's dot"),
        pytest.param(b"null", False, id="null"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"example.com", False, id="no scheme"),
        pytest.param(b"//example.com", False, id="empty scheme"),
        pytest.param(b"ftp://example.com", False, id="other scheme"),
        pytest.param(b"chrome-extension://example.com", False, id="extension"),
        pytest.param(b"https://example.com@evil.net", False, id="user info"),
        pytest.param(b"https://evil.net\\@example.com", False, id="backslash"),
        pytest.param(b"https://evil.net https://example.com", False, id="two origins"),
        pytest.param(b"https://example.com\n", False, id="newline"),
        pytest.param(b"https://\xff.example.org", False, id="not UTF-8"),
        pytest.param(b"https://" + b"a." * 120 + b"example.org", True, id="long"),
        pytest.param(b"https://example.com/" + b"x" * 300, True, id="longer than what is remembered"),
        pytest.param(b"https://evil.net/" + b"x" * 300, False, id="longer than what is remembered, refused"),
    ],
)
def test_admits(origin: bytes, admitted: bool) -> None:
    sites = Sites(Origins(REGISTRY), Rules())
    for _ in range(2):  # the second may be remembered
        assert sites.admits[origin] is admitted


def test_registries_do_not_share_answers() -> None:
    one, other = build("a.example"), build("b.example")
    assert (one.admits[b"https://a.example"], other.admits[b"https://a.example"]) == (True, False)
    assert isinstance(one.pages[b"https://a.example/"], Page)
    assert other.pages[b"https://a.example/"] is refusal.PAGE_UNKNOWN


@pytest.mark.parametrize("length", [256, 257])
def test_long_urls_are_not_remembered(length: int) -> None:
    sites = build("a.example")
    url = b"http://a.example/".ljust(length, b"x")
    assert sites.admits[url]
    assert page(sites, url).path == "/" + "x" * (length - 17)
    assert referrer(sites, url.decode()).host == "a.example"
    known = [len(memo) for memo in (sites.admits, sites.pages, sites.referrers)]
    assert known == [length == 256] * 3


@pytest.mark.parametrize("query", ["?utm_source=a", "?utm_source=b", "?utm_source=b#top", "#top", "?", ""])
@pytest.mark.parametrize("user", ["", "user@", "user:password@"])
def test_a_url_reads_the_same_each_time(query: str, user: str) -> None:
    """With a query, a fragment or a user it is found by its hash, which is another one for each URL."""
    url = f"https://{user}example.com/a{query}".encode()
    sites, fresh = build(), build()
    for other in ("a?utm_source=c", "b", "a#other", "@a", "a?utm_source=" + "x" * 300):
        for memo in (sites.pages, sites.referrers, sites.admits):
            assert memo[f"https://example.com/{other}".encode()]
    for _ in range(2):
        assert sites.pages[url] == fresh.pages[url]
        assert sites.referrers[url] == fresh.referrers[url]
        assert sites.admits[url]
    assert page(sites, url).utm.source == query[12:13]
    assert [len(memo) for memo in (sites.pages, sites.referrers, sites.admits)] == [5] * 3


def test_a_url_is_read_once() -> None:
    read: list[bytes] = []
    memo: UrlMemo[None] = UrlMemo(read.append, 100, 60)
    urls = [b"https://example.com/", b"https://example.com/?a", b"https://example.com/#a", b"https://u@example.com/"]
    for url in urls * 2:
        assert memo[url] is None
    assert read == urls
    assert len(memo) == 4
    long = b"https://example.com/?" + b"x" * 60
    for _ in range(2):
        assert memo[long] is None
    assert read == [*urls, long, long]


def test_nobody_replaces_what_another_url_reads_as() -> None:
    """By sending its hash, which is the key of it."""
    sites = build()
    url = b"https://example.com/?utm_source=a"
    read = page(sites, url)
    (key,) = sites.pages
    for sent in (key, key[1:]):
        sites.pages[sent]
    assert page(sites, url) is read


def test_no_cache_has_queries() -> None:
    sites = build()
    for cache in (sites.pages, sites.referrers, sites.admits):
        assert cache[b"https://example.com/?secret"]
        assert b"secret" not in b"".join(cache)


# ----- pages


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        pytest.param("https://example.com", Page("example.com", "example.com", "/", NO_UTM), id="host alone"),
        pytest.param(
            "HTTP://Example.COM:8080/a?b=c#d", Page("example.com", "example.com:8080", "/a", NO_UTM), id="port"
        ),
        pytest.param(
            "https://me:pw@www.example.com./%7ea//b/../c",
            Page("www.example.com", "www.example.com", "/~a/c", NO_UTM),
            id="normal form",
        ),
        pytest.param(
            "https://example.com/a?UTM_SOURCE=x&amp;utm_medium=y",
            Page("example.com", "example.com", "/a", Utm("x", "y")),
            id="campaign",
        ),
        pytest.param(" https://example.com/a ", Page("example.com", "example.com", "/a", NO_UTM), id="blanks around"),
        pytest.param(
            "https://example.com/" + "a" * 8172,
            Page("example.com", "example.com", "/" + "a" * 8172, NO_UTM),
            id="8,192 bytes",
        ),
        pytest.param("", refusal.PAGE_MISSING, id="none"),
        pytest.param("/a", refusal.PAGE_INVALID, id="path"),
        pytest.param("nowhere", refusal.PAGE_INVALID, id="no URL"),
        pytest.param("https:///a", refusal.PAGE_INVALID, id="no host"),
        pytest.param("ftp://example.com/a", refusal.PAGE_INVALID, id="another scheme"),
        pytest.param("about:blank", refusal.PAGE_INVALID, id="about"),
        pytest.param("file:///tmp/a.html", refusal.PAGE_INVALID, id="file"),
        pytest.param("blob:https://example.com/1", refusal.PAGE_INVALID, id="blob"),
        pytest.param("https://example.com/\n", refusal.PAGE_INVALID, id="control character"),
        pytest.param("https://example.com/" + "a" * 8173, refusal.PAGE_INVALID, id="8,193 bytes"),
        pytest.param("https://example.org/", refusal.PAGE_UNKNOWN, id="another host"),
        pytest.param("https://example.com.example.org/", refusal.PAGE_UNKNOWN, id="host that begins alike"),
        pytest.param("https://notexample.com/", refusal.PAGE_UNKNOWN, id="host that ends alike"),
        pytest.param("https://www.google.com/", refusal.PAGE_UNKNOWN, id="somebody else's"),
    ],
)
def test_pages(raw: str, read: Page | Refusal) -> None:
    sites = build()
    for _ in range(2):  # the second may be remembered
        assert sites.pages[raw.encode()] == read


@pytest.mark.parametrize(
    ("given", "query", "path"),
    [
        pytest.param("", "id=1&t=2", "/p", id="no parameters"),
        pytest.param("id", "", "/p", id="no query"),
        pytest.param("id", "id=1", "/p?id=1", id="one"),
        pytest.param("id", "a=1&id=2&b=3", "/p?id=2", id="one of many"),
        pytest.param("id", "ID=1&idx=2&xid=3", "/p", id="other names"),
        pytest.param("id,t", "t=2&id=1", "/p?id=1&t=2", id="in the option's order"),
        pytest.param("t,id", "t=2&id=1", "/p?t=2&id=1", id="in another order"),
        pytest.param("id,t", "t=2", "/p?t=2", id="the second alone"),
        pytest.param("id", "id=1&id=2", "/p?id=1", id="the first of a repeated one"),
        pytest.param("id", "id=&id=2", "/p?id=", id="the first, which is empty"),
        pytest.param("id", "id", "/p?id", id="no value"),
        pytest.param("id", "id=a=b", "/p?id=a=b", id="equal sign"),
        pytest.param("id", "%69d=1", "/p?id=1", id="escaped name"),
        pytest.param("id", "id=%41%7e%2f%c3%bc", "/p?id=A~%2F%C3%BC", id="escapes in normal form"),
        pytest.param("id", 'id=\u00fc b"<', "/p?id=%C3%BC%20b%22%3C", id="what has to be escaped"),
        pytest.param("id", "id=%26t=1&t=2", "/p?id=%26t=1", id="an escaped ampersand stays escaped"),
        pytest.param("id", "id=%0d%00", "/p?id=%0D%00", id="control characters stay escaped"),
        pytest.param("id", "id=100%", "/p?id=100%25", id="percent alone"),
        pytest.param("id", "id=%23x#y", "/p?id=%23x", id="fragment"),
    ],
)
def test_page_parameters_stay_in_the_path(given: str, query: str, path: str) -> None:
    sites = build(page_parameters=[name for name in given.split(",") if name])
    assert page(sites, f"https://example.com/p?{query}").path == path
    assert referrer(sites, f"https://elsewhere.example/p?{query}").path == path  # else no link leads back to a page


def test_campaigns_are_read_beside_page_parameters() -> None:
    read = page(build(page_parameters=["id"]), "https://example.com/?utm_source=a&id=1")
    assert (read.path, read.utm) == ("/?id=1", Utm("a"))


@given(st.text(st.characters(exclude_characters="#", codec="utf-8", exclude_categories=["Cc"]), max_size=30))
def test_paths_with_parameters_are_ascii_and_stay_as_they_are(value: str) -> None:
    sites = build(page_parameters=["id"])
    path = page(sites, f"https://example.com/p?id={value}").path
    assert path.isascii()
    assert page(sites, f"https://example.com{path}").path == path


@given(st.text(st.characters(exclude_characters="#&,*\\\\", codec="utf-8", exclude_categories=["Cc"]), max_size=30))
def test_filters_find_pages_with_parameters_as_they_are_typed(value: str) -> None:
    path = page(build(page_parameters=["id"]), f"https://example.com/p?id={value.strip()}").path
    for typed in (path, f"/p?id={value.strip()}"):
        assert read_filters({"path": typed})["path"].includes == ((path,),)


@pytest.mark.parametrize(
    ("mode", "sent", "path"),
    [
        pytest.param("keep", "/a/", "/a/", id="kept"),
        pytest.param("keep", "/a", "/a", id="not added"),
        pytest.param("drop", "/a/", "/a", id="dropped"),
        pytest.param("drop", "/a", "/a", id="none to drop"),
        pytest.param("drop", "/a/b//", "/a/b", id="two"),
        pytest.param("drop", "/", "/", id="the root's stays"),
        pytest.param("drop", "", "/", id="empty path"),
        pytest.param("drop", "/a/?id=/", "/a?id=/", id="before a parameter"),
        pytest.param("drop", "/a%2F", "/a%2F", id="an escaped one is none"),
    ],
)
def test_trailing_slash(mode: str, sent: str, path: str) -> None:
    sites = build(trailing_slash=mode, page_parameters=["id"])
    assert page(sites, f"https://example.com{sent}").path == path
    assert referrer(sites, f"https://example.com{sent}").path == path


# ----- referrers


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        pytest.param("https://search.example/q?x=1", Referrer("search.example", "/q", False), id="foreign"),
        pytest.param(
            "https://Example.com:8080/a", Referrer("example.com", "/a", False), id="own host, without its port"
        ),
        pytest.param("android-app://com.example.reader/", Referrer("com.example.reader", "/", False), id="app"),
        pytest.param("ftp://files.example/", Referrer("files.example", "/", False), id="any scheme"),
        pytest.param("", None, id="none"),
        pytest.param("about:blank", None, id="about"),
        pytest.param("about:srcdoc", None, id="frame"),
        pytest.param("data:text/html,hello", None, id="data"),
        pytest.param("blob:https://example.com/2c4d", None, id="blob"),
        pytest.param("file:///home/me/a.html", None, id="file"),
        pytest.param("FILE:///C:/a.html", None, id="any case"),
        pytest.param(" about:blank", None, id="blanks in front"),
        pytest.param("about", refusal.REFERRER_INVALID, id="word"),
        pytest.param("/a", refusal.REFERRER_INVALID, id="path"),
        pytest.param("search.example", refusal.REFERRER_INVALID, id="host alone"),
        pytest.param("https://", refusal.REFERRER_INVALID, id="no host"),
        pytest.param("javascript:history.back()", refusal.REFERRER_INVALID, id="script"),
        pytest.param("https://search.example/\x00", refusal.REFERRER_INVALID, id="control character"),
        pytest.param("https://search.example/" + "a" * 8192, refusal.REFERRER_INVALID, id="long"),
    ],
)
def test_referrers(raw: str, read: Referrer | Refusal | None) -> None:
    sites = build()
    for _ in range(2):  # the second may be remembered
        assert sites.referrers[raw.encode()] == read


IGNORED = ("checkout.stripe.com", "*.paypal.com", "b\u00fccher.example")


@pytest.mark.parametrize(
    ("host", "ignored"),
    [
        pytest.param("checkout.stripe.com", True, id="exact"),
        pytest.param("CHECKOUT.Stripe.com:443", True, id="case and port"),
        pytest.param("stripe.com", False, id="above an exact one"),
        pytest.param("a.checkout.stripe.com", False, id="below an exact one"),
        pytest.param("www.paypal.com", True, id="wildcard"),
        pytest.param("a.b.paypal.com", True, id="wildcard, any depth"),
        pytest.param("paypal.com", False, id="wildcard's apex"),
        pytest.param("notpaypal.com", False, id="wildcard needs a dot"),
        pytest.param("xn--bcher-kva.example", True, id="punycode"),
        pytest.param("search.example", False, id="another"),
    ],
)
def test_ignored_referrers(host: str, ignored: bool) -> None:
    assert referrer(build(ignored_referrers=IGNORED), f"https://{host}/back").ignored is ignored
    assert referrer(build(), f"https://{host}/back").ignored is False


# ----- aliases

ALIASES = [
    ("www.example.com", "example.com"),
    ("old.example.org", "example.com"),
    ("shop.example.net", "store.example.com"),
]


@pytest.mark.parametrize(
    ("url", "host", "domain"),
    [
        pytest.param("https://www.example.com/a", "example.com", "example.com", id="alias"),
        pytest.param("https://WWW.Example.com./a", "example.com", "example.com", id="alias, however it is written"),
        pytest.param("https://www.example.com:8443/a", "example.com", "example.com:8443", id="alias and port"),
        pytest.param("https://example.com/a", "example.com", "example.com", id="the host itself"),
        pytest.param("https://old.example.org/a", "example.com", "example.com", id="an alias that is not registered"),
        pytest.param(
            "https://shop.example.net:81/a", "store.example.com", "store.example.com:81", id="longer than the alias"
        ),
        pytest.param("https://m.example.com/a", "m.example.com", "m.example.com", id="no alias"),
    ],
)
def test_aliases_of_pages(url: str, host: str, domain: str) -> None:
    sites = build(aliases=ALIASES)
    read = page(sites, url)
    assert (read.host, read.domain, read.path) == (host, domain, "/a")
    assert referrer(sites, url).host == host
    assert sites.admits[url.encode()]


def test_aliases_are_as_registered_as_their_site() -> None:
    sites = build("example.com", aliases=ALIASES)
    assert sites.pages[b"https://shop.example.net/"] is refusal.PAGE_UNKNOWN
    assert not sites.admits[b"https://shop.example.net"]
    assert sites.admits[b"https://old.example.org:444"]
    assert [sites.canonical(host) for host in ("old.example.org", "example.com", "other.example")] == [
        "example.com",
        "example.com",
        "other.example",
    ]


def test_site_may_be_registered_by_its_alias_alone() -> None:
    sites = build("www.example.com", aliases=[("www.example.com", "example.com")])
    assert page(sites, "https://www.example.com/").domain == "example.com"
    assert sites.pages[b"https://example.com/"] is refusal.PAGE_UNKNOWN


def test_ignored_referrers_know_aliases() -> None:
    sites = build(ignored_referrers=["pay.example"], aliases=[("www.pay.example", "pay.example")])
    assert referrer(sites, "https://www.pay.example/").ignored


# ----- whatever comes


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: b"https://example.com/" + rest))
def test_any_bytes_are_read(raw: bytes) -> None:
    sites = build(page_parameters=["id"], trailing_slash="drop", aliases=ALIASES, ignored_referrers=IGNORED)
    read = sites.pages[raw]
    assert isinstance(read, Refusal) or (read.path[0] == "/" and read.path.isascii())
    assert isinstance(sites.referrers[raw], Referrer | Refusal | None)
    assert isinstance(sites.admits[raw], bool)
