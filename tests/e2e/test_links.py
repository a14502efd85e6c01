"""Links of downloads and outbound clicks: how they are stored, and where they lead."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from prisme.assets import GIF
from tests.e2e.event_senders import (
    BAD_LINK,
    BAD_PAGE,
    BOT,
    INTERNAL,
    IS_BOT,
    LINK,
    LINK_SENDERS,
    NO_LINK,
    NO_ORIGIN,
    NO_PAGE,
    NOSCRIPT,
    PAGE_UNKNOWN,
    RATE_LIMITED,
    SENDERS,
    TOO_LONG,
    assert_accepted,
    assert_interstitial,
    assert_refused,
    count,
    exchange,
    request_head,
    rows,
    send,
    view,
)
from tests.server import CHROME, LiveServer, browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that is quick to store, and trusts `X-Forwarded-For`."""
    options = {"eventstore_max_batch_timeout": "10ms", "trust_proxy": "true"}
    with LiveServer(tmp_path_factory.mktemp("events"), **options) as live:
        yield live


# ----- links


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        pytest.param("https://other.example", "https://other.example/", id="host alone"),
        pytest.param("HTTP://Other.Example:8080/a", "http://other.example:8080/a", id="http, port, case"),
        pytest.param("https://other.example//a/./b/../%7ec", "https://other.example/a/~c", id="normal form"),
        pytest.param("https://other.example/a?b=c&d=%20#e", "https://other.example/a?b=c&d=%20", id="fragment"),
        pytest.param("https://other.example/a?keyword=b&token=c", "https://other.example/a", id="secret in the query"),
        pytest.param("https://other.example/a?X-Amz-Signature=f", "https://other.example/a", id="signed"),
        pytest.param("https://other.example/a?keyword=b", "https://other.example/a?keyword=b", id="no secret"),
        pytest.param("https://me:secret@other.example/", "https://other.example/", id="user info"),
        pytest.param("https://other.example/a b", "https://other.example/a%20b", id="space"),
        pytest.param("  https://other.example/a  ", "https://other.example/a", id="spaces around"),
        pytest.param("https://other.example/%0d%0aX:%00", "https://other.example/%0D%0AX:%00", id="escaped controls"),
        pytest.param("https://[2001:db8::1]/a", "https://[2001:db8::1]/a", id="IPv6"),
        pytest.param("https://m.{site}/a", "https://m.{site}/a", id="host below"),
        pytest.param("https://{site}.other.example/a", "https://{site}.other.example/a", id="host that begins alike"),
        pytest.param("https://{site}@other.example/a", "https://other.example/a", id="own host for user info"),
        pytest.param("https://x.example/" + "a" * 8174, "https://x.example/" + "a" * 8174, id="8,192 bytes"),
    ],
)
def test_links_are_stored_in_normal_form(
    server: LiveServer, site: str, subtests: pytest.Subtests, sent: str, stored: str
) -> None:
    view(server, f"https://{site}/a")
    sent, stored = sent.replace("{site}", site), stored.replace("{site}", site)
    for sender in LINK_SENDERS:
        with subtests.test(sender):
            link = sent.strip(" ") if "ping" in sender else sent  # a header has no spaces around it
            assert_accepted(send(server, sender, f"https://{site}/a", link), location=sent.strip(" "))
    assert rows(server, "download", site) == [(stored,)] * 2
    assert rows(server, "outbound", site) == [(stored,)] * 3


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param("", NO_LINK, id="none"),
        pytest.param("/a.pdf", BAD_LINK, id="path"),
        pytest.param("a.pdf", BAD_LINK, id="name"),
        pytest.param("//other.example/a", BAD_LINK, id="no scheme"),
        pytest.param("other.example/a", BAD_LINK, id="host and path"),
        pytest.param("https:other.example/a", BAD_LINK, id="no slashes"),
        pytest.param("https:///a", BAD_LINK, id="no host"),
        pytest.param("https://other.example:99999/", BAD_LINK, id="no port"),
        pytest.param("https://other.example\\@x.example/", BAD_LINK, id="backslash"),
        pytest.param("javascript:alert(1)", BAD_LINK, id="javascript"),
        pytest.param("JavaScript://other.example/%0aalert(1)", BAD_LINK, id="javascript with a host"),
        pytest.param("data:text/html,<script>alert(1)</script>", BAD_LINK, id="data"),
        pytest.param("blob:https://other.example/1", BAD_LINK, id="blob"),
        pytest.param("ftp://other.example/a", BAD_LINK, id="ftp"),
        pytest.param("mailto:me@other.example", BAD_LINK, id="mail"),
        pytest.param("https://x.example/" + "a" * 8175, BAD_LINK, id="8,193 bytes"),
    ],
)
def test_other_links_are_refused(
    server: LiveServer, site: str, subtests: pytest.Subtests, sent: str, reason: str
) -> None:
    view(server, f"https://{site}/a")
    for sender in LINK_SENDERS:
        with subtests.test(sender):
            assert_refused(send(server, sender, f"https://{site}/a", sent), reason)
    assert count(server, site) == 0


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("https://{site}/a.pdf", id="same origin"),
        pytest.param("http://{site}/a.pdf", id="another scheme"),
        pytest.param("https://{site}:444/a.pdf", id="another port"),
        pytest.param("https://{SITE}./a.pdf", id="another spelling"),
        pytest.param("https://other.example@{site}/a.pdf", id="another host for user info"),
    ],
)
def test_links_to_the_own_host_are_downloads_only(
    server: LiveServer, site: str, subtests: pytest.Subtests, link: str
) -> None:
    view(server, f"https://{site}/a")
    sent = link.format(site=site, SITE=site.upper())
    for sender in LINK_SENDERS:
        with subtests.test(sender):
            answer = send(server, sender, f"https://{site}/a", sent)
            if "outbound" in sender:
                assert_refused(answer, INTERNAL)
            else:
                assert_accepted(answer)
    port = ":444" if ":444" in link else ""
    assert rows(server, "download", site) == [(f"{sent.partition(':')[0]}://{site}{port}/a.pdf",)] * 2
    assert count(server, site) == 2


@pytest.mark.parametrize("sender", LINK_SENDERS)
@pytest.mark.parametrize("link", ["https://{site}:8080/b", "https://{site}/b", "http://{site}:81/b"])
def test_a_page_with_a_port_is_of_its_host(server: LiveServer, site: str, sender: str, link: str) -> None:
    """As for referrers, ports do not count."""
    page = f"http://{site}:8080/a"
    view(server, page)
    answer = send(server, sender, page, link.format(site=site))
    if "outbound" in sender:
        assert_refused(answer, INTERNAL)
    else:
        assert_accepted(answer)
    other = f"http://m.{site}:8080/b"
    assert_accepted(send(server, sender, page, other), location=other)
    assert rows(server, sender, f"{site}:8080")[-1] == (other,)


@pytest.mark.parametrize("sender", ["download", "outbound"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"https://other.example/a\r\n", None, id="line end behind"),
        pytest.param(b"https://other.example/a\nhttps://other.example/b", BAD_LINK, id="two lines"),
        pytest.param(b"https://other.example/\x00", BAD_LINK, id="zero"),
        pytest.param(b"\xff\xfe", BAD_LINK, id="no text"),
        pytest.param(b'"https://other.example/a"', BAD_LINK, id="JSON"),
        pytest.param(b"ping", BAD_LINK, id="ping in small letters"),
        pytest.param(b"PING ", BAD_LINK, id="ping and a space"),
        pytest.param(b" \n", NO_LINK, id="spaces alone"),
        pytest.param(b"https://other.example/" + b"a" * 65_516, TOO_LONG, id="65,538 bytes"),
    ],
)
def test_body_is_the_link(server: LiveServer, site: str, sender: str, body: bytes, reason: str | None) -> None:
    page = f"https://{site}/a"
    view(server, page)
    request = SENDERS[sender].build(server, page, "")
    answer = server.http.post(request.url, headers=browser(page, Ping_From=page, Ping_To=LINK), content=body)
    if reason:
        assert_refused(answer, reason, 413 if reason == TOO_LONG else 400)
    else:
        assert_accepted(answer)
    assert rows(server, sender, site) == ([] if reason else [("https://other.example/a",)])


def test_ping_is_known_by_its_body_alone(server: LiveServer, site: str) -> None:
    """The page of a ping is in `Ping-From`; whatever `Referer` says, no browser sends it."""
    view(server, f"https://{site}/a")
    view(server, f"https://{site}/b")
    more = {"X_Prisme_Referrer": f"https://{site}/b", "Referer": f"https://{site}/b", "Content_Type": None}
    assert_accepted(send(server, "outbound ping", f"https://{site}/a", **more))
    assert rows(server, "outbound ping", site, "path") == [("/a",)]


# ----- the way on


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(b"https://Other.Example//a/../b?c=d&e=%2f#f", id="not in normal form"),
        pytest.param(b"http://me:secret@other.example:80", id="user info"),
        pytest.param("https://müller.example/straße".encode(), id="unicode"),
        pytest.param(b"https://other.example/%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>", id="escaped line ends"),
        pytest.param(b"https://other.example/?url=https://third.example/", id="a link in the link"),
    ],
)
def test_location_is_exactly_the_link(server: LiveServer, site: str, url: bytes) -> None:
    view(server, f"https://{site}/a")
    path = f"{NOSCRIPT}outbound-links?url={quote(url, safe='')}"
    heard = exchange(server, request_head(site, "Connection: close", path=path, method="GET"))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 302 ")
    assert [line for line in head.split(b"\r\n") if line.startswith(b"location")] == [b"location: " + url]
    assert body == b""
    assert len(rows(server, "outbound noscript", site)) == 1


@pytest.mark.parametrize("scheme", ["https://other.example/", "javascript:", ""], ids=["https", "javascript", "none"])
@pytest.mark.parametrize(
    "injected",
    [
        pytest.param(b"\r\nSet-Cookie: a=b", id="line end"),
        pytest.param(b"\nSet-Cookie: a=b", id="line feed"),
        pytest.param(b"\rSet-Cookie: a=b", id="carriage return"),
        pytest.param(b"\r\n\r\n<script>alert(1)</script>", id="body"),
        pytest.param(b"\r\n", id="line end behind"),
        pytest.param(b"\x00", id="zero"),
        pytest.param(b"\t", id="tab"),
        pytest.param(b"\x7f", id="delete"),
    ],
)
def test_no_header_can_be_split(server: LiveServer, site: str, scheme: str, injected: bytes) -> None:
    view(server, f"https://{site}/a")
    path = f"{NOSCRIPT}outbound-links?url={quote(scheme.encode() + injected, safe='')}"
    heard = exchange(server, request_head(site, "Connection: close", path=path, method="GET"))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert not [line for line in head.split(b"\r\n") if line.lower().startswith((b"location", b"set-cookie"))]
    assert body == GIF
    assert rows(server, "outbound noscript", site) == []


@pytest.mark.parametrize("url", ["url={link}&url=https://last.example/", "url=https://last.example/&x=1"])
def test_last_link_counts(server: LiveServer, site: str, url: str) -> None:
    view(server, f"https://{site}/a")
    query = f"referrer=https://{site}/a&" + url.format(link=quote(LINK, safe=""))
    headers = {"User-Agent": CHROME, "Referer": f"https://{site}/"}
    answer = server.http.get(f"{NOSCRIPT}outbound-links?{query}", headers=headers)
    assert_accepted(answer, location="https://last.example/")
    assert rows(server, "outbound", site) == [("https://last.example/",)]


REASONS = [
    pytest.param({"User_Agent": BOT}, {}, IS_BOT, id="bot"),
    pytest.param({}, {"referrer": "https://other.example/"}, PAGE_UNKNOWN, id="page unknown"),
    pytest.param({}, {"referrer": "nowhere"}, BAD_PAGE, id="page invalid"),
    pytest.param({"Referer": None, "Origin": "https://{site}"}, {"referrer": ""}, NO_PAGE, id="no page"),
    pytest.param({"Origin": "null"}, {}, NO_ORIGIN, id="null origin"),
    pytest.param({"Origin": "https://other.example"}, {}, NO_ORIGIN, id="origin of another site"),
    pytest.param({}, {"x": "y" * 32_768}, "query string is over 32768 bytes", id="long query"),
]


@pytest.mark.parametrize("link", ["https://Other.Example//a/../b?c=d#e", "http://me:secret@other.example:80/?token=t"])
@pytest.mark.parametrize(("headers", "query", "reason"), REASONS)
def test_a_link_always_leads_on(
    server: LiveServer, site: str, headers: dict[str, str | None], query: dict[str, str], reason: str, link: str
) -> None:
    """Be the click counted or not."""
    parameters = {"referrer": f"https://{site}/a", "url": link} | query
    sent = {"User_Agent": CHROME, "Referer": f"https://{site}/"} | headers
    named = {name.replace("_", "-"): text.format(site=site) for name, text in sent.items() if text is not None}
    answer = server.http.get(NOSCRIPT + "outbound-links", params=parameters, headers=named)
    if len(str(answer.url)) > 32_768:
        # What is so long is not read at all, the link in it neither.
        assert (answer.status_code, answer.headers["x-prisme-error"], answer.content) == (400, reason, GIF)
    else:
        assert_refused(answer, reason, location=link)
    assert count(server, site) == 0


def test_a_link_leads_on_when_rate_limited(start: Callable[..., LiveServer]) -> None:
    server = start(api_events_rate_limit="2")
    page = "https://example.com/a"
    answers = [send(server, "outbound noscript", page) for _ in range(4)]
    for answer in answers[:2]:
        assert_accepted(answer)
    for answer in answers[2:]:
        assert_refused(answer, RATE_LIMITED)
        assert 0 < int(answer.headers["retry-after"]) <= 60
    assert count(server, "example.com") == 2


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Referer": "https://other.example/"}, id="referer of another site"),
        pytest.param({"Origin": "https://other.example"}, id="origin of another site"),
        pytest.param({"Origin": "null", "Referer": "about:blank"}, id="from nowhere"),
        pytest.param({"Referer": "https://{site}.other.example/"}, id="host that begins alike"),
    ],
)
@pytest.mark.parametrize(
    "link",
    [
        "https://bank.example/log-in?a=b&c=d#e",
        "http://me@bank.example:8080/",
        "https://bank.example/\"><script>alert('1')</script>",
        "https://bank.example/?a=<b>&lt;&amp;",
    ],
)
@pytest.mark.parametrize("referrer", ["", "https://{site}/a"], ids=["no page", "a page that anybody may name"])
def test_no_redirect_serves_strangers(
    server: LiveServer, site: str, headers: dict[str, str], link: str, referrer: str
) -> None:
    sent = {name: text.format(site=site) for name, text in headers.items()} | {"User-Agent": CHROME}
    parameters = {"referrer": referrer.format(site=site), "url": link}
    answer = server.http.get(NOSCRIPT + "outbound-links", params=parameters, headers=sent)
    assert_interstitial(answer, link)
    assert b"<script" not in answer.content


def test_the_page_before_a_link_names_the_host_that_browsers_go_to(server: LiveServer) -> None:
    """Not a user's name before it, nor a host that only looks alike."""
    for link, host in (
        ("https://example.com@bank.example/", "bank.example"),
        ("https://b\u00e4nk.example/", "xn--bnk-qla.example"),
    ):
        answer = server.http.get(NOSCRIPT + "outbound-links", params={"url": link}, headers={"User-Agent": CHROME})
        assert answer.status_code == 200
        assert f"<title>Leaving for {host}</title>" in answer.text
        assert f"This link leads to <b>{host}</b>." in answer.text


@pytest.mark.parametrize("referer", ["https://{site}/a", "https://other.example/", ""], ids=["own", "stranger", "none"])
@pytest.mark.parametrize(
    "url", ["", "/a", "javascript:alert(1)", "ftp://other.example/", "https://other.example\\@{site}/"]
)
def test_only_a_wrong_link_leads_nowhere(server: LiveServer, site: str, referer: str, url: str) -> None:
    headers = {"User-Agent": CHROME} | ({"Referer": referer.format(site=site)} if referer else {})
    parameters = {"referrer": f"https://{site}/a", "url": url.format(site=site)}
    answer = server.http.get(NOSCRIPT + "outbound-links", params=parameters, headers=headers)
    assert (answer.status_code, answer.content) == (400, GIF)
    assert "location" not in answer.headers
    expected = NO_ORIGIN if "other" in referer else BAD_LINK if url else NO_LINK
    assert answer.headers["x-prisme-error"] == expected
    assert count(server, site) == 0


def test_internal_links_lead_nowhere(server: LiveServer, site: str) -> None:
    answer = send(server, "outbound noscript", f"https://{site}/a", f"https://{site}:81/b")
    assert_refused(answer, INTERNAL)
    assert count(server, site) == 0
