"""What is read from a request's headers, query and path, whatever their bytes."""

import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.visit import address
from prisme.web import request
from prisme.web.events.noscript import IN_QUERY, read_parameters
from prisme.web.request import Pairs, Proxy, Slots, Trust
from prisme.web.routing import read_name
from tests.web.requests import make_request

DIRECT = Proxy("false", "X-Forwarded-For", 1, "X-Request-Id")
TRUSTED = Proxy("true", "X-Real-IP", 2, "X-Trace")
AUTO = Proxy("auto", "X-Real-IP", 2, "X-Trace")

headers = st.lists(st.tuples(st.sampled_from([*request._HEADERS, b"x-real-ip", b"x-trace"]) | st.binary(), st.binary()))


def filled(found: Slots) -> dict[int, bytes]:
    return {slot: value for slot, value in enumerate(found) if value}


# ----- headers


@pytest.mark.parametrize(
    ("sent", "script", "noscript"),
    [
        pytest.param([], {}, {}, id="none"),
        pytest.param([(b"accept", b"*/*"), (b"cookie", b"a=b")], {}, {}, id="others"),
        pytest.param([(b"origin", b"o")], {request.ORIGIN: b"o"}, {request.ORIGIN: b"o"}, id="by script and without"),
        pytest.param([(b"x-prisme-referrer", b"p")], {request.PAGE: b"p"}, {}, id="page"),
        pytest.param([(b"x-prisme-status", b"404")], {request.STATUS: b"404"}, {}, id="status"),
        pytest.param(
            [(b"ping-from", b"p"), (b"ping-to", b"l")], {request.PING_FROM: b"p", request.LINK: b"l"}, {}, id="ping"
        ),
        pytest.param(
            [(b"origin", b"a"), (b"origin", b"b")], {request.ORIGIN: b"a, b"}, {request.ORIGIN: b"a, b"}, id="twice"
        ),
        pytest.param(
            [(b"origin", b""), (b"origin", b"b")], {request.ORIGIN: b"b"}, {request.ORIGIN: b"b"}, id="empty and once"
        ),
        pytest.param(
            [(b"user-agent", b"\xff\x00")],
            {request.USER_AGENT: b"\xff\x00"},
            {request.USER_AGENT: b"\xff\x00"},
            id="any bytes",
        ),
        pytest.param([(b"x-real-ip", b"8.8.8.8"), (b"x-trace", b"8.8.8.8")], {}, {}, id="of no proxy"),
    ],
)
def test_headers_by_slot(sent: Pairs, script: dict[int, bytes], noscript: dict[int, bytes]) -> None:
    assert filled(DIRECT.scanner()(make_request(DIRECT, sent))) == script
    assert filled(DIRECT.scanner(IN_QUERY)(make_request(DIRECT, sent))) == noscript


@given(headers)
def test_any_headers_are_read(sent: Pairs) -> None:
    for proxy in (DIRECT, TRUSTED, AUTO):
        found = proxy.scanner()(make_request(proxy, sent))
        assert all(value in b", ".join(v for _, v in sent) or b", " in value for value in found)
        assert make_request(proxy, sent, "127.0.0.1").client.text
    assert filled(DIRECT.scanner()(make_request(DIRECT))) == {}


@pytest.mark.parametrize(
    ("proxy", "sent", "text"),
    [
        pytest.param(DIRECT, [(b"x-forwarded-for", b"8.8.8.8")], "192.0.2.1", id="not trusted"),
        pytest.param(TRUSTED, [(b"x-forwarded-for", b"8.8.8.8")], "192.0.2.1", id="another header"),
        pytest.param(TRUSTED, [(b"x-real-ip", b"8.8.8.8, 10.0.0.1")], "8.8.8.8", id="two hops"),
        pytest.param(
            TRUSTED, [(b"x-real-ip", b"8.8.8.8"), (b"x-real-ip", b"10.0.0.1")], "8.8.8.8", id="in two headers"
        ),
        pytest.param(TRUSTED, [(b"x-real-ip", b"1.1.1.1, 8.8.8.8, 10.0.0.1")], "8.8.8.8", id="forged on the left"),
        pytest.param(TRUSTED, [(b"x-real-ip", b"")], "192.0.2.1", id="empty"),
        pytest.param(TRUSTED, [(b"x-real-ip", b" , ")], "192.0.2.1", id="no entry"),
        pytest.param(TRUSTED, [(b"x-real-ip", b"\xe9\xff, 10.0.0.1")], "éÿ", id="no address"),
    ],
)
def test_client(proxy: Proxy, sent: Pairs, text: str) -> None:
    assert make_request(proxy, sent).client.text == text
    read = make_request(proxy)
    read.slots = proxy.scanner()(make_request(proxy, sent))
    assert [client.text for client in proxy.clients([read])] == [text]
    assert read.client is read.address


LOOPBACK = ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"]
ELSEWHERE = ["10.0.0.1", "172.18.0.1", "8.8.8.8", "fd00::1", "fe80::1%eth0", "64:ff9b::127.0.0.1", "128.0.0.1"]


@pytest.mark.parametrize(
    ("trust", "peer", "trusted"),
    [
        *(("auto", peer, True) for peer in LOOPBACK),
        *(("auto", peer, False) for peer in ELSEWHERE),
        *(("true", peer, True) for peer in [*LOOPBACK, *ELSEWHERE]),
        *(("false", peer, False) for peer in [*LOOPBACK, *ELSEWHERE]),
    ],
)
def test_whom_is_trusted(trust: Trust, peer: str, trusted: bool) -> None:
    proxy = Proxy(trust, "X-Real-IP", 1, "X-Trace")
    sent = [(b"x-real-ip", b"9.9.9.9"), (b"x-trace", b"abc")]
    for _ in range(2):  # the second may come from the cache
        one = make_request(proxy, sent, peer)
        assert one.has_trusted_headers is trusted
        assert one.client == address.parse("9.9.9.9" if trusted else peer)
        assert (one.id == "abc") is trusted
        assert (make_request(proxy, [(b"x-trace", b"abc")], peer).id == "abc") is trusted


def test_one_connection_is_trusted_and_another_is_not() -> None:
    sent = [(b"x-real-ip", b"9.9.9.9, 1.1.1.1"), (b"x-trace", b"abc")]
    requests = [make_request(AUTO, sent, peer) for peer in ("127.0.0.1", "10.0.0.1", "127.0.0.1")]
    assert [client.text for client in AUTO.clients(requests)] == ["9.9.9.9", "10.0.0.1", "9.9.9.9"]
    assert [one.given_id for one in requests] == ["abc", "", "abc"]


@pytest.mark.parametrize(
    ("header", "sent", "text"),
    [
        pytest.param("Forwarded", [(b"forwarded", b"for=8.8.8.8;proto=https")], "8.8.8.8", id="one element"),
        pytest.param("FORWARDED", [(b"forwarded", b'for="[2001:db8::1]:4711"')], "2001:db8::1", id="any case"),
        pytest.param(
            "Forwarded", [(b"forwarded", b"for=6.6.6.6"), (b"forwarded", b"for=8.8.8.8")], "8.8.8.8", id="two headers"
        ),
        pytest.param(
            "Forwarded",
            [(b"forwarded", b'for="6.6.6.6'), (b"forwarded", b"for=8.8.8.8")],
            "8.8.8.8",
            id="an open quote",
        ),
        pytest.param(
            "Forwarded", [(b"x-forwarded-for", b"6.6.6.6"), (b"forwarded", b"for=8.8.8.8")], "8.8.8.8", id="both"
        ),
        pytest.param("X-Forwarded-For", [(b"forwarded", b"for=8.8.8.8")], "127.0.0.1", id="not asked for"),
        pytest.param(
            "CloudFront-Viewer-Address",
            [(b"cloudfront-viewer-address", b"2001:db8:0:0:0:0:0:1:46532")],
            "2001:db8::1",
            id="CloudFront",
        ),
        pytest.param("Forwarded", [(b"forwarded", b"for=8.8.8.8;host=" + b"a" * 200)], "8.8.8.8", id="long"),
    ],
)
def test_headers_that_name_the_client(header: str, sent: Pairs, text: str) -> None:
    proxy = Proxy("auto", header, 1, "X-Request-Id")
    for _ in range(2):  # the second may come from the cache
        assert make_request(proxy, sent, "127.0.0.1").client.text == text


def test_only_so_many_headers_of_proxies_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "_MOST_CACHED", 3)
    proxy = Proxy("true", "X-Forwarded-For", 1, "")
    for number in range(10):
        for header in (f"192.0.2.{number}", f"{'1' * request._LONGEST_CACHED}, 192.0.2.{number}"):
            sent = [(b"x-forwarded-for", header.encode())]
            assert make_request(proxy, sent).client.text == f"192.0.2.{number}"
        assert len(proxy._known) <= 3
    assert {len(header) for header in proxy._known} == {len("192.0.2.0")}


UNREAD = "set trust_proxy to true, where nobody but the proxy reaches this port"
FORWARDED_FOR = [(b"x-forwarded-for", b"8.8.8.8")]


@pytest.mark.parametrize(
    ("trust", "peer", "sent", "words"),
    [
        pytest.param("auto", "10.0.0.1", FORWARDED_FOR, UNREAD, id="private"),
        pytest.param("auto", "fd00::1", FORWARDED_FOR, UNREAD, id="private, IPv6"),
        pytest.param("auto", "10.0.0.1", [(b"forwarded", b"for=8.8.8.8")], UNREAD, id="private, Forwarded"),
        pytest.param("auto", "10.0.0.1", [(b"x-real-ip", b"8.8.8.8")], UNREAD, id="private, the configured header"),
        pytest.param("false", "10.0.0.1", FORWARDED_FOR, UNREAD, id="private, never trusted"),
        pytest.param("false", "127.0.0.1", FORWARDED_FOR, "set trust_proxy to auto", id="loopback, never trusted"),
        pytest.param("auto", "127.0.0.1", FORWARDED_FOR, "does not send X-Real-IP", id="loopback, another header"),
        pytest.param("true", "10.0.0.1", FORWARDED_FOR, "set proxy_header", id="private, another header"),
        pytest.param("auto", "10.0.0.1", [], None, id="private, no proxy"),
        pytest.param("auto", "8.8.8.8", FORWARDED_FOR, None, id="public"),
        pytest.param("true", "8.8.8.8", FORWARDED_FOR, None, id="public, trusted"),
        pytest.param("auto", "127.0.0.1", [(b"x-real-ip", b"8.8.8.8"), *FORWARDED_FOR], None, id="read"),
        pytest.param("auto", "127.0.0.1", [(b"x-real-ip", b" , "), *FORWARDED_FOR], None, id="read, and empty"),
        pytest.param("auto", "10.0.0.1", [(b"x-trace", b"abc")], None, id="a request's id alone"),
    ],
)
def test_a_proxy_that_is_not_read_is_told_once(trust: Trust, peer: str, sent: Pairs, words: str | None) -> None:
    warnings: list[str] = []
    proxy = Proxy(trust, "X-Real-IP", 1, "X-Trace", warnings.append)
    for _ in range(3):
        proxy.clients([make_request(proxy, sent, peer), make_request(proxy, sent, peer)])
        assert make_request(proxy, sent, peer).client.text
    assert warnings == ([] if words is None else [proxy.unread])
    assert (proxy.unread is None) == (words is None)
    assert words is None or words in str(proxy.unread)
    assert peer not in str(proxy.unread)


def test_request_ids() -> None:
    sent = [(b"x-trace", b"abc"), (b"x-request-id", b"def")]
    assert make_request(TRUSTED, sent).id == "abc"
    assert len(make_request(TRUSTED, [(b"x-trace", b"a" * 10_000)]).id) == 128
    one = make_request(DIRECT, sent)
    made = one.id
    assert made not in {"abc", "def"}
    assert one.id == made
    assert make_request(DIRECT, sent).id != made


def test_request_ids_for_several_threads() -> None:
    """The event loop refuses while another thread counts: no id comes twice, and nobody is in another's way."""
    proxy, usual = Proxy("false", "", 1, ""), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: make_request(proxy).id, range(20_000)))
    finally:
        sys.setswitchinterval(usual)
    assert len(set(made)) == 20_000


# ----- the query


@pytest.mark.parametrize(
    ("query", "slots", "properties"),
    [
        pytest.param(b"", {}, [], id="empty"),
        pytest.param(b"referrer=a&url=b", {request.PAGE: b"a", request.LINK: b"b"}, [], id="two"),
        pytest.param(
            b"document-referrer=a&visitor-id=b&status=c",
            {request.DOCUMENT_REFERRER: b"a", request.VISITOR_ID: b"b", request.STATUS: b"c"},
            [],
            id="three",
        ),
        pytest.param(b"url=a&url=b", {request.LINK: b"b"}, [], id="the last counts"),
        pytest.param(b"url=a&url=", {}, [], id="an empty last counts"),
        pytest.param(b"url", {}, [], id="no value"),
        pytest.param(b"url=a=b&=&&", {request.LINK: b"a=b"}, [], id="odd signs"),
        pytest.param(b"url=%41+%2B%zz%", {request.LINK: b"A +%zz%"}, [], id="decoded"),
        pytest.param(b"url=%FF\xff%00", {request.LINK: b"\xff\xff\x00"}, [], id="any bytes"),
        pytest.param(b"url=%2541", {request.LINK: b"%41"}, [], id="decoded once"),
        pytest.param(b"URL=a&urls=b&ur%6C=c", {}, [], id="other names"),
        pytest.param(b"prop-a=1&prop-b+%41=%22+%22", {}, [(b"a", b"1"), (b"b A", b'" "')], id="properties"),
        pytest.param(b"prop-a=1&prop-a=2&prop-", {}, [(b"a", b"1"), (b"a", b"2"), (b"", b"")], id="as they came"),
    ],
)
def test_parameters_by_slot(query: bytes, slots: dict[int, bytes], properties: Pairs) -> None:
    found = DIRECT.scanner()(make_request(DIRECT))
    assert read_parameters(query, found) == properties
    assert filled(found) == slots


@given(st.binary() | st.lists(st.sampled_from([*b"&=%+purl-2fF", *b"\x00\xff"])).map(bytes))
def test_any_query_is_read(query: bytes) -> None:
    found = DIRECT.scanner()(make_request(DIRECT))
    read_parameters(query, found)
    assert len(b"".join(found)) <= len(query)


@given(st.lists(st.tuples(st.text(), st.text())), st.text())
def test_what_browsers_encode_is_decoded(properties: list[tuple[str, str]], link: str) -> None:
    found = DIRECT.scanner()(make_request(DIRECT))
    query = urlencode([*((f"prop-{name}", value) for name, value in properties), ("url", link)], errors="surrogatepass")
    assert read_parameters(query.encode(), found) == [
        (name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")) for name, value in properties
    ]
    assert found[request.LINK] == link.encode("utf-8", "surrogatepass")


# ----- names


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        pytest.param(b"sign_up", "sign_up", id="plain"),
        pytest.param(b"a%20b+c", "a b+c", id="space"),
        pytest.param(b"%C3%BC", "ü", id="escaped UTF-8"),
        pytest.param("ü".encode(), "ü", id="UTF-8"),
        pytest.param(b"%zz%", "%zz%", id="no escapes"),
        pytest.param(b"%00", "\0", id="zero"),
        pytest.param(b"a" * 256, "a" * 256, id="longest"),
        pytest.param(b"%61" * 256, "a" * 256, id="longest, escaped"),
        pytest.param(b"a" * 257, None, id="too long"),
        pytest.param(b"%C3%BC" * 129, None, id="too long in bytes"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"%FF", None, id="no UTF-8"),
        pytest.param(b"%C3", None, id="half a character"),
        pytest.param(b"%ED%A0%80", None, id="surrogate"),
    ],
)
def test_names(segment: bytes, name: str | None) -> None:
    assert read_name(segment) == name


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_name_is_1_to_256_bytes_of_utf_8(raw: bytes) -> None:
    name = read_name(quote_from_bytes(raw, safe="").encode())
    assert (name is not None) == (0 < len(raw) <= 256 and raw.decode(errors="replace").encode() == raw)
    assert name is None or name.encode() == raw
    read_name(raw)
