"""Links: absolute, of the web, of another site where they lead out, and stored without their secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.base.uri import Uri
from prisme.ingest.action import Action
from prisme.ingest.hit import Hit
from prisme.ingest.links import make_outbound_link_reader, read_file_download, read_link, strip_secrets
from prisme.visit.address import parse as parse_address
from prisme.visit.origins import Origins
from prisme.visit.sites import Page, Rules, Sites


@pytest.mark.parametrize(
    ("raw", "link"),
    [
        pytest.param(b"https://a.example/b.pdf?c=d#e", "https://a.example/b.pdf?c=d", id="https"),
        pytest.param(b"HTTP://A.Example:80", "http://a.example:80/", id="http"),
        pytest.param(b"https://me:secret@a.example/", "https://a.example/", id="user info"),
        pytest.param(b"", refusal.LINK_MISSING, id="none"),
        pytest.param(b" ", refusal.LINK_INVALID, id="space"),
        pytest.param(b"/b.pdf", refusal.LINK_INVALID, id="path"),
        pytest.param(b"//a.example/", refusal.LINK_INVALID, id="no scheme"),
        pytest.param(b"ftp://a.example/", refusal.LINK_INVALID, id="ftp"),
        pytest.param(b"javascript://a.example/%0aalert(1)", refusal.LINK_INVALID, id="javascript"),
        pytest.param(b"data:text/html,x", refusal.LINK_INVALID, id="data"),
        pytest.param(b"https://a.example/\r\nX: y", refusal.LINK_INVALID, id="line end"),
        pytest.param(b"https://a.example/" + b"a" * 8175, refusal.LINK_INVALID, id="8,193 bytes"),
    ],
)
def test_links(raw: bytes, link: object) -> None:
    read = read_link(raw)
    assert (str(read) if isinstance(read, Uri) else read) == link


@given(st.binary() | st.binary().map(lambda rest: b"https://a.example/" + rest))
def test_no_link_splits_a_header(raw: bytes) -> None:
    """The redirect has the link as it came, with spaces around it cut."""
    if isinstance(read_link(raw), Uri):
        assert min(raw) >= 0x20
        assert 0x7F not in raw


ALIASES = [("www.a.example", "a.example"), ("old.example", "a.example")]


def hit(url: str, sites: Sites) -> Hit:
    """Something that happens on a page."""
    page = sites.pages[url.encode()]
    assert isinstance(page, Page)
    return Hit(parse_address("203.0.113.7"), page, b"", (b"", b"", b""))


@pytest.mark.parametrize(
    ("page", "link", "internal"),
    [
        pytest.param("https://a.example/", "https://a.example/b", True, id="own host"),
        pytest.param("https://a.example/", "http://A.Example.:8080/b", True, id="however it is written"),
        pytest.param("https://a.example/", "https://www.a.example/b", True, id="alias of the own host"),
        pytest.param("https://www.a.example/", "https://a.example/b", True, id="from an alias to the host"),
        pytest.param("https://www.a.example/", "https://old.example:444/b", True, id="from an alias to another"),
        pytest.param("https://a.example:81/", "https://a.example:82/b", True, id="another port"),
        pytest.param("https://a.example/", "https://b.a.example/", False, id="host below"),
        pytest.param("https://b.a.example/", "https://a.example/", False, id="host above"),
        pytest.param("https://a.example/", "https://b.example/", False, id="another host"),
        pytest.param("https://a.example/", "https://b.example/?https://a.example/", False, id="own host in the query"),
        pytest.param("https://a.example/", "https://a.example@b.example/", False, id="own host as user info"),
    ],
)
def test_only_links_to_other_sites_lead_out(page: str, link: str, internal: bool) -> None:
    sites = Sites(Origins(["a.example", "*.a.example"]), Rules(ALIASES))
    read = make_outbound_link_reader(sites)(hit(page, sites), link.encode())
    assert (read is refusal.LINK_INTERNAL) is internal
    assert isinstance(read, Refusal if internal else Action)
    assert isinstance(read_file_download(hit(page, sites), link.encode()), Action)


@pytest.mark.parametrize("raw", [b"", b"/a", b"ftp://b.example/a"])
def test_links_that_cannot_be_read_are_no_events(raw: bytes) -> None:
    sites = Sites(Origins(["a.example"]), Rules())
    one = hit("https://a.example/", sites)
    assert read_file_download(one, raw) is make_outbound_link_reader(sites)(one, raw) is read_link(raw)


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260101&X-Amz-Date=1&X-Amz-Signature=f00d",
        "x-amz-security-token=a",
        "X-Goog-Signature=f00d",
        "AWSAccessKeyId=A&Expires=1&Signature=f00d",
        "GoogleAccessId=a",
        "Expires=1&Key-Pair-Id=K",
        "Policy=a&Signature=b",
        "sv=2026-01-01&sr=b&sig=f00d",
        "token=a",
        "TOKEN=a",
        "access_token=a",
        "id_token=a",
        "csrfToken=a",
        "auth_token=a",
        "token=",
        "key=a",
        "api_key=a",
        "api-key=a",
        "apikey=a",
        "apiKey=a",
        "secret=a",
        "client_secret=a",
        "password=a",
        "passwd=a",
        "auth=a",
        "sid=a",
        "jwt=a",
        "jsessionid=a",
        "PHPSESSIONID=a",
        "hmac=a",
        "expires=1",
        "expiry=1",
        "link_expires=1",
        "v=1&sig=a",
        "v=1&w=2&token=a&x=3",
        "v=1&%74oken=a",
        "to%6ben=a",
        "user[token]=a",
        "token%5B%5D=a",
    ],
)
def test_queries_with_secrets_are_dropped(query: str) -> None:
    link = read_link(f"https://b.example/a.pdf?{query}#page=2".encode())
    assert isinstance(link, Uri)
    assert strip_secrets(link) == "https://b.example/a.pdf"


@pytest.mark.parametrize(
    "query",
    [
        "v=1",
        "keyword=a",
        "keywords=a&monkey=b",
        "author=a",
        "authority=a",
        "hotkey=a",
        "design=a",
        "signal=a",
        "sigma=a",
        "side=a",
        "outside=a",
        "q=token",
        "q=my+key",
        "title=password",
        "expired=0",
        "amz=a",
        "x=X-Amz-Signature",
        "token",
        "page=2&lang=en",
        "a=1%3Dtoken",
    ],
)
def test_other_queries_stay(query: str) -> None:
    link = read_link(f"https://b.example/a.pdf?{query}".encode())
    assert isinstance(link, Uri)
    assert strip_secrets(link) == f"https://b.example/a.pdf?{query}"


@given(st.binary(max_size=40).map(lambda rest: b"https://b.example/?" + rest))
def test_any_query_is_shown(raw: bytes) -> None:
    link = read_link(raw)
    if isinstance(link, Uri):
        assert strip_secrets(link) in (str(link), str(link).partition("?")[0])
