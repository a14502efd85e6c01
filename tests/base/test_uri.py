import ipaddress

import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st

from prisme.base import uri


@pytest.mark.parametrize(
    ("raw", "domain", "path", "query"),
    [
        pytest.param(b"https://example.com", "example.com", "/", "", id="bare"),
        pytest.param(b"https://EXAMPLE.com/Path", "example.com", "/Path", "", id="case of the host"),
        pytest.param(b"http://a.b:8080/x", "a.b:8080", "/x", "", id="port"),
        pytest.param(b"http://a.b:0080/", "a.b:80", "/", "", id="port with zeros, default port kept"),
        pytest.param(b"https://a.b:443/", "a.b:443", "/", "", id="default port of https kept"),
        pytest.param(b"http://a.b:/", "a.b", "/", "", id="empty port"),
        pytest.param(b"http://a.b:0/", "a.b:0", "/", "", id="port 0"),
        pytest.param(b"http://a.b:65535/", "a.b:65535", "/", "", id="last port"),
        pytest.param(b"http://a.b:" + b"0" * 5000 + b"1", "a.b:1", "/", "", id="port of 5,001 digits"),
        pytest.param(b"http://user:pass@a.b/", "a.b", "/", "", id="user info"),
        pytest.param(b"http://x@y@a.b:1/", "a.b:1", "/", "", id="user info holds @"),
        pytest.param(b"http://good.com:80@evil.com/", "evil.com", "/", "", id="user info as a host"),
        pytest.param(b"http://@a.b/", "a.b", "/", "", id="empty user info"),
        pytest.param(b"http://u:[@[::1]/", "[::1]", "/", "", id="bracket in user info"),
        pytest.param(b"http://a.b/p@q:1", "a.b", "/p@q:1", "", id="@ and : in the path"),
        pytest.param(b"http://a.b/?q=@#x", "a.b", "/", "q=@", id="@ in the query"),
        pytest.param(b"http://a.b?x=1", "a.b", "/", "x=1", id="query without a path"),
        pytest.param(b"http://a.b#f", "a.b", "/", "", id="fragment without a path"),
        pytest.param(b"http://a.b/p#f?x", "a.b", "/p", "", id="fragment holds ?"),
        pytest.param(b"http://a.b/p?#", "a.b", "/p", "", id="empty query"),
        pytest.param(b"http://a.b/?x=%zz%41+?/..//", "a.b", "/", "x=%zz%41+?/..//", id="query untouched"),
        pytest.param(b"http://a.b/?\xc3\xa9\xff", "a.b", "/", "\xc3\xa9\xff", id="query's raw bytes"),
        pytest.param(b"  http://a.b/p  ", "a.b", "/p", "", id="outer spaces"),
        pytest.param(b"http://a.b/p q", "a.b", "/p%20q", "", id="inner space"),
        pytest.param(b"http://a.b//x/%2e./%7ey", "a.b", "/~y", "", id="path made normal"),
        pytest.param(b"http://localhost:3000/", "localhost:3000", "/", "", id="single label"),
        pytest.param(b"http://127.0.0.1:80/", "127.0.0.1:80", "/", "", id="IPv4"),
        pytest.param(b"http://[2001:DB8:0:0::1]:81/", "[2001:db8::1]:81", "/", "", id="IPv6"),
        pytest.param("http://bücher.example/é".encode(), "xn--bcher-kva.example", "/%C3%A9", "", id="IDN"),
    ],
)
def test_parse(raw: bytes, domain: str, path: str, query: str) -> None:
    found = uri.parse(raw)
    assert found is not None
    assert (found.domain, found.path, found.query) == (domain, path, query)


@pytest.mark.parametrize(
    ("raw", "scheme", "host", "web"),
    [
        pytest.param(b"http://a.b:80/", "http", "a.b", True, id="http"),
        pytest.param(b"HTTPS://A.b/", "https", "a.b", True, id="https, upper-case"),
        pytest.param(b"http://[::1]:80/", "http", "[::1]", True, id="IPv6 and port"),
        pytest.param(b"ftp://a.b/", "ftp", "a.b", False, id="ftp"),
        pytest.param(b"android-app://com.app.x", "android-app", "com.app.x", False, id="android-app"),
        pytest.param(b"javascript://a.b/%0aalert(1)", "javascript", "a.b", False, id="javascript"),
        pytest.param(b"a+b-c.9://h/", "a+b-c.9", "h", False, id="every sign of a scheme"),
    ],
)
def test_scheme_and_host(raw: bytes, scheme: str, host: str, web: bool) -> None:
    found = uri.parse(raw)
    assert found is not None
    assert (found.scheme, found.host, found.is_web) == (scheme, host, web)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"   ", id="blank"),
        pytest.param(b"null", id="null"),
        pytest.param(b"/path", id="path"),
        pytest.param(b"//a.b/", id="no scheme"),
        pytest.param(b"a.b/p", id="host alone"),
        pytest.param(b"http:/a.b/", id="one slash"),
        pytest.param(b"http:a.b", id="no slash"),
        pytest.param(b"mailto:x@a.b", id="no authority"),
        pytest.param(b"http://", id="no host"),
        pytest.param(b"http:///p", id="no host, a path"),
        pytest.param(b"http://?x", id="no host, a query"),
        pytest.param(b"http://:80/", id="no host, a port"),
        pytest.param(b"http://user@/", id="no host, user info"),
        pytest.param(b"file:///etc/passwd", id="file"),
        pytest.param(b"1http://a.b/", id="scheme starts with a digit"),
        pytest.param(b"ht_tp://a.b/", id="scheme with an underscore"),
        pytest.param(b"://a.b/", id="empty scheme"),
        pytest.param(b"http://a.b:65536/", id="port too high"),
        pytest.param(b"http://a.b:99999999999999999999/", id="port far too high"),
        pytest.param(b"http://a.b:" + b"9" * 5000, id="port of 5,000 digits"),
        pytest.param(b"http://a.b:x/", id="port of letters"),
        pytest.param(b"http://a.b:-1/", id="negative port"),
        pytest.param(b"http://a.b:+80/", id="signed port"),
        pytest.param(b"http://a.b:80:80/", id="two ports"),
        pytest.param("http://a.b:\uff18\uff10/".encode(), id="full-width port"),
        pytest.param(b"http://good.com\\@evil.com/", id="backslash in the authority"),
        pytest.param(b"http://a.b\\/", id="backslash after the host"),
        pytest.param(b"http://a b/", id="space in the host"),
        pytest.param(b"http://a.b /", id="space after the host"),
        pytest.param(b"http://a..b/", id="empty label"),
        pytest.param(b"http://::1/", id="IPv6 without brackets"),
        pytest.param(b"http://[::1/", id="bracket left open"),
        pytest.param(b"http://[::1]x/", id="text after the bracket"),
        pytest.param(b"http://x[::1]/", id="text before the bracket"),
        pytest.param(b"http://a.b/\x00", id="NUL in the path"),
        pytest.param(b"http://a.b/?a\x1f", id="control in the query"),
        pytest.param(b"http://a.b/#\x7f", id="DEL in the fragment"),
        pytest.param(b"http://a.b/p\n", id="newline at the end"),
        pytest.param(b"\thttp://a.b/", id="tab in front"),
        pytest.param(b"http://a.b/p\r\nSet-Cookie: x", id="header split"),
        pytest.param(b"ht\ntp://a.b/", id="newline in the scheme"),
        pytest.param(b"http://u\n@a.b/", id="newline in user info"),
        pytest.param(b"http://\xff\xfe/", id="host is not UTF-8"),
        pytest.param(b"javascript://%0aalert(1)/", id="escaped control in the host"),
    ],
)
def test_parse_refuses(raw: bytes) -> None:
    assert uri.parse(raw) is None


@pytest.mark.parametrize("length", [255, 256, 257, uri.MAX_BYTES])
def test_parse_takes_any_length_up_to_the_cap(length: int) -> None:
    path = "/" + "x" * (length - 11)
    for _ in range(2):  # the second may come from the cache
        assert uri.parse(f"http://a.b{path}".encode()) == uri.Uri("http", "a.b", "a.b", path, "", True)


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("a=b&c=%2f%zz?/:@!$'()*+,;", "a=b&c=%2f%zz?/:@!$'()*+,;", id="may stand"),
        pytest.param("a b", "a%20b", id="space"),
        pytest.param("\xc3\xbc", "%C3%BC", id="UTF-8"),
        pytest.param("\xff", "%FF", id="no UTF-8"),
        pytest.param('"<>[]\\^`{|}', "%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D", id="cannot stand"),
    ],
)
def test_queries_are_escaped_where_they_have_to_be(raw: str, query: str) -> None:
    assert uri.normalise_query(raw) == query
    assert uri.normalise_query(query) == query


@pytest.mark.parametrize("part", [b"/", b"/?", b"/#", b":0"])
def test_parse_refuses_over_the_cap(part: bytes) -> None:
    assert uri.MAX_BYTES == 8192, "the docs and the reasons of refusals say so"
    start = b"http://a.b" + part
    assert uri.parse(start + b"0" * (uri.MAX_BYTES - len(start))) is not None
    assert uri.parse(start + b"0" * (uri.MAX_BYTES - len(start) + 1)) is None


@pytest.mark.parametrize(
    ("text", "host"),
    [
        pytest.param("example.com", "example.com", id="plain"),
        pytest.param("EXAMPLE.Com", "example.com", id="case"),
        pytest.param("example.com.", "example.com", id="root's dot"),
        pytest.param("example.com..", None, id="two dots at the end"),
        pytest.param(".", None, id="dot alone"),
        pytest.param("", None, id="empty"),
        pytest.param(".a", None, id="empty first label"),
        pytest.param("_dmarc.a-b.c_d", "_dmarc.a-b.c_d", id="hyphen and underscore"),
        pytest.param("a" * 63 + ".b", "a" * 63 + ".b", id="63 characters"),
        pytest.param("a" * 64 + ".b", None, id="64 characters"),
        pytest.param(".".join(["a" * 49] * 5) + ".bcd", ".".join(["a" * 49] * 5) + ".bcd", id="253 characters"),
        pytest.param(
            ".".join(["a" * 49] * 5) + ".bcd.", ".".join(["a" * 49] * 5) + ".bcd", id="253 and the root's dot"
        ),
        pytest.param(".".join(["a" * 49] * 5) + ".bcde", None, id="254 characters"),
        pytest.param("a!b", None, id="sign"),
        pytest.param("a b", None, id="space"),
        pytest.param("a:80", None, id="port"),
        pytest.param("u@a", None, id="user info"),
        pytest.param("a/b", None, id="slash"),
        pytest.param("a\n", None, id="newline"),
        pytest.param("*.a.b", None, id="wildcard"),
        pytest.param("münchen.de", "xn--mnchen-3ya.de", id="IDN"),
        pytest.param("MÜNCHEN.DE", "xn--mnchen-3ya.de", id="IDN, upper-case"),
        pytest.param("mu\u0308nchen.de", "xn--mnchen-3ya.de", id="IDN, decomposed"),
        pytest.param("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de", id="punycode, upper-case"),
        pytest.param("faß.de", "xn--fa-hia.de", id="sharp s is kept, as browsers do"),
        pytest.param("bücher_1.a_b", None, id="underscore in an IDN label"),
        pytest.param("a_b.bücher", "a_b.xn--bcher-kva", id="underscore beside an IDN label"),
        pytest.param("\uff25\uff38AMPLE\uff0e\uff43om", "example.com", id="full-width"),
        pytest.param("例え。テスト", "xn--r8jz45g.xn--zckzah", id="ideographic dot"),
        pytest.param("例え。", "xn--r8jz45g", id="ideographic root's dot"),
        pytest.param("ex\u00adample.com", "example.com", id="soft hyphen"),
        pytest.param("\u00ad", None, id="soft hyphen alone"),
        pytest.param("℀.com", None, id="character that maps to a slash"),
        pytest.param("\uff0a.com", None, id="character that maps to an asterisk"),
        pytest.param("\ud800.com", None, id="half a surrogate pair"),
        pytest.param("é" * 60, None, id="IDN label too long as punycode"),
        pytest.param("é." * 130, None, id="IDN too long as punycode"),
        pytest.param("\u00ad" * 2000 + "a.b", None, id="longer than any host, though it maps to one"),
        pytest.param("b%C3%BCcher.example", "xn--bcher-kva.example", id="escaped IDN"),
        pytest.param("ex%61MPLE.com", "example.com", id="escaped ASCII"),
        pytest.param("a%2Eb", "a.b", id="escaped dot"),
        pytest.param("a%2541", None, id="escaped twice"),
        pytest.param("a%00b", None, id="escaped NUL"),
        pytest.param("a%2Fb", None, id="escaped slash"),
        pytest.param("a%40b", None, id="escaped @"),
        pytest.param("%5B::1%5D", None, id="escaped brackets"),
        pytest.param("a%ff", None, id="escaped byte that is not UTF-8"),
        pytest.param("a%b", None, id="stray percent"),
        pytest.param("127.0.0.1", "127.0.0.1", id="IPv4"),
        pytest.param("\uff11\uff127.0.0.1", "127.0.0.1", id="IPv4, full-width"),
        pytest.param("[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]", id="IPv6"),
        pytest.param("[::ffff:1.2.3.4]", "[::ffff:102:304]", id="IPv4 in IPv6"),
        pytest.param("[::ffff:255.255.255.255]", "[::ffff:ffff:ffff]", id="IPv4 in IPv6, all bits"),
        pytest.param("[fe80::1%eth0]", None, id="IPv6 with a zone"),
        pytest.param("[::1", None, id="IPv6 left open"),
        pytest.param("[]", None, id="IPv6 empty"),
        pytest.param("[", None, id="bracket alone"),
        pytest.param("[1.2.3.4]", None, id="IPv4 in brackets"),
        pytest.param("[v1.x]", None, id="future address"),
        pytest.param("[::1]:80", None, id="IPv6 with a port"),
        pytest.param("::1", None, id="IPv6 without brackets"),
    ],
)
def test_normalise_host(text: str, host: str | None) -> None:
    assert uri.normalise_host(text) == host


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param("", "/", id="empty"),
        pytest.param("/", "/", id="root"),
        pytest.param("a", "/a", id="no slash in front"),
        pytest.param("/a/b", "/a/b", id="plain"),
        pytest.param("/a/", "/a/", id="slash at the end"),
        pytest.param("//", "/", id="two slashes"),
        pytest.param("//a///b//", "/a/b/", id="runs of slashes"),
        pytest.param("///a/../b", "/b", id="runs before dots"),
        pytest.param("/a//../b", "/b", id="runs first, then dots"),
        pytest.param("/a/./b", "/a/b", id="dot"),
        pytest.param("/a/b/../c", "/a/c", id="two dots"),
        pytest.param("/../../a", "/a", id="above the root"),
        pytest.param("/..", "/", id="two dots alone"),
        pytest.param("/.", "/", id="dot alone"),
        pytest.param("/a/..", "/", id="back to the root"),
        pytest.param("/a/b/..", "/a/", id="two dots at the end"),
        pytest.param("/a/b/.", "/a/b/", id="dot at the end"),
        pytest.param("/...", "/...", id="three dots"),
        pytest.param("/.well-known/x", "/.well-known/x", id="name with a dot in front"),
        pytest.param("/..a/b..", "/..a/b..", id="name with two dots"),
        pytest.param("/a/%2e%2E/b", "/b", id="escaped dots"),
        pytest.param("/a/.%2e/b", "/b", id="half-escaped dots"),
        pytest.param("/a/%2e/b", "/a/b", id="escaped dot"),
        pytest.param("/%41%7e%5F%2d", "/A~_-", id="unreserved escapes"),
        pytest.param("/%c3%a9%2f", "/%C3%A9%2F", id="escapes in upper-case, slash stays escaped"),
        pytest.param("/%3d%3F%40", "/%3D%3F%40", id="reserved escapes stay"),
        pytest.param("/%00%1f%7F%0a", "/%00%1F%7F%0A", id="controls stay escaped"),
        pytest.param("/%", "/%25", id="stray percent at the end"),
        pytest.param("/%z1%4", "/%25z1%254", id="stray percents"),
        pytest.param("/%%41", "/%25A", id="stray percent before an escape"),
        pytest.param("/%2541", "/%2541", id="never decoded twice"),
        pytest.param("/%25%34%31", "/%2541", id="never decoded twice, in pieces"),
        pytest.param("/%2\uff11", "/%252%EF%BC%91", id="full-width digit is no digit"),
        pytest.param('/ "<>\\^`{|}[]', "/%20%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D", id="what may not stand"),
        pytest.param("/?#", "/%3F%23", id="query and fragment signs"),
        pytest.param("/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~", id="what may stand"),
        pytest.param("/é", "/%C3%A9", id="non-ASCII text"),
        pytest.param(b"/\xe9\xff", "/%E9%FF", id="bytes that are not UTF-8"),
        pytest.param(b"/\x00\n\x7f", "/%00%0A%7F", id="raw controls"),
        pytest.param("/\ud800", "/%ED%A0%80", id="half a surrogate pair"),
    ],
)
def test_normalise_path(raw: str | bytes, path: str) -> None:
    assert uri.normalise_path(raw) == path


def check_path(path: str) -> None:
    assert path.isascii()
    assert path.isprintable()
    assert path.startswith("/")
    assert "//" not in path
    assert not {".", ".."} & set(path.split("/"))
    assert uri.normalise_path(path) == path


ODD_PATHS = st.text(st.sampled_from("/.%25eEfF0aZ~ ?#\\é\x00"))


@given(st.binary() | st.text() | ODD_PATHS)
def test_a_normal_path_is_clean_and_stays(raw: str | bytes) -> None:
    check_path(uri.normalise_path(raw))


@given(st.text() | st.text(st.sampled_from("aZ.-_%2eEüß\uff21。\u00ad\u0308[]:1f")))
def test_a_normal_host_is_clean_and_stays(text: str) -> None:
    host = uri.normalise_host(text)
    if host is not None:
        assert host.isascii()
        assert host == host.lower()
        assert 0 < len(host) <= 253
        assert uri.normalise_host(host) == host


ODD_URLS = st.builds(
    lambda scheme, authority, rest: scheme + b"://" + authority + rest,
    st.sampled_from((b"http", b"HTTPS", b"android-app", b"")),
    st.binary(max_size=20) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary() | ODD_PATHS.map(lambda text: b"/" + text.encode()),
)


@given(st.binary() | ODD_URLS)
@example(b"http://a.b/%0d%0aSet-Cookie:x?y#z")
def test_parse_never_fails_and_its_result_stays(raw: bytes) -> None:
    found = uri.parse(raw)
    if found is None:
        return
    check_path(found.path)
    assert found.host == uri.normalise_host(found.host)
    assert found.domain.startswith(found.host)
    assert found.query.encode("latin-1") in raw
    again = f"{found.scheme}://{found.domain}{found.path}?{found.query}".encode("latin-1")
    assert len(again) > uri.MAX_BYTES or uri.parse(again) == found


# What both this module and yarl define, by RFC 3986 or IDNA 2008. Left out: runs of "/", which yarl keeps; escapes of
# signs that may stand (%3D), which yarl decodes; a dot at the host's end, which yarl keeps; xn-- labels, which yarl
# decodes; "_" and "-" beside an IDN label, where yarl may fall back to IDNA 2003; IPv4 in IPv6, whose text depends on
# the version of Python; control characters, which yarl removes; a space at the end, which is no part of the URL here.
ASCII_LABELS = st.from_regex(r"\A(?!xn--)[a-z0-9_-]{1,60}\Z", alphabet=st.characters(codec="ascii"))
ASCII_NAMES = st.lists(ASCII_LABELS, min_size=1, max_size=4).map(".".join)
IDN_LABELS = st.text(st.sampled_from("aZ09üßжщ例え"), min_size=1, max_size=12)
IDN_NAMES = st.lists(IDN_LABELS, min_size=1, max_size=4).map(".".join)
NAMES = ASCII_NAMES | ASCII_NAMES.map(str.upper) | IDN_NAMES
IPV6 = st.ip_addresses(v=6).filter(lambda ip: not (isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped))
HOSTS = NAMES | st.ip_addresses(v=4).map(str) | IPV6.map(lambda ip: f"[{ip.exploded.upper()}]")
STANDING = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@"
UNRESERVED = STANDING[:66]
ESCAPES = st.sampled_from(
    [
        f"%{byte:02{case}}"
        for case in "xX"
        for byte in range(256)
        if chr(byte) in UNRESERVED or chr(byte) not in STANDING
    ]
)
PIECES = st.sampled_from(STANDING) | ESCAPES | st.sampled_from(' "<>^`{|}[]%é例\U0001f600')
SEGMENTS = st.sampled_from((".", "..", "%2e", ".%2E")) | st.lists(PIECES, min_size=1).map("".join)
PATHS = st.lists(SEGMENTS).map(lambda segments: f"/{'/'.join(segments)}".rstrip(" ")) | st.just("")


@given(st.sampled_from(("http", "HTTPS")), HOSTS, st.none() | st.integers(0, 65535), PATHS)
@example("http", "ab.cd", 80, "/a/./b/../%2e%2e/%7e%c3%a9%/")
def test_parse_agrees_with_yarl(scheme: str, host: str, port: int | None, path: str) -> None:
    text = f"{scheme}://{host}{'' if port is None else f':{port}'}{path}"
    peer = yarl.URL(text)
    found = uri.parse(text.encode())
    assert found is not None
    assert found.scheme == peer.scheme
    assert found.host == peer.host_subcomponent
    assert found.domain == found.host + ("" if peer.explicit_port is None else f":{peer.explicit_port}")
    assert found.path == peer.raw_path


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("HTTPS://User@X.example:443/a/../b?q=1#top", "https://x.example:443/b?q=1"),
        ("https://x.example?", "https://x.example/"),
        ("https://x.example/?q=ü&r=%c3%bc", "https://x.example/?q=%C3%BC&r=%c3%bc"),
        ('https://x.example/?q="<a b>"|{}', "https://x.example/?q=%22%3Ca%20b%3E%22%7C%7B%7D"),
    ],
)
def test_text_is_in_normal_form(raw: str, text: str) -> None:
    assert str(uri.parse(raw.encode())) == text
