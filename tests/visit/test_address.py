from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisme.visit import address


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        pytest.param("1.2.3.4", "1.2.3.4", id="IPv4"),
        pytest.param("0.0.0.0", "0.0.0.0", id="first IPv4"),
        pytest.param("255.255.255.255", "255.255.255.255", id="last IPv4"),
        pytest.param("1.2.3.4:5678", "1.2.3.4", id="IPv4, port"),
        pytest.param("1.2.3.4:", "1.2.3.4", id="IPv4, empty port"),
        pytest.param("[1.2.3.4]:80", "1.2.3.4", id="IPv4, brackets"),
        pytest.param('"1.2.3.4:5678"', "1.2.3.4", id="IPv4, quotes"),
        pytest.param("  1.2.3.4\t", "1.2.3.4", id="IPv4, blanks"),
        pytest.param("2001:db8::1", "2001:db8::1", id="IPv6"),
        pytest.param("2001:DB8:0:0:0:0:0:1", "2001:db8::1", id="IPv6, long and upper-case"),
        pytest.param("2001:db8::1:443", "2001:db8::1:443", id="IPv6 has no port without brackets"),
        pytest.param("[2001:db8::1]", "2001:db8::1", id="IPv6, brackets"),
        pytest.param("[2001:db8::1]:443", "2001:db8::1", id="IPv6, port"),
        pytest.param(' "[2001:db8::1]:443" ', "2001:db8::1", id="IPv6, all of it"),
        pytest.param("fe80::1%eth0", "fe80::1", id="IPv6, zone"),
        pytest.param("[fe80::1%25eth0]:80", "fe80::1", id="IPv6, zone and port"),
        pytest.param("fe80::1%" + "x" * 100, "fe80::1", id="IPv6, longer than what is remembered"),
        pytest.param("::ffff:1.2.3.4", "1.2.3.4", id="IPv4 in IPv6"),
        pytest.param("::FFFF:102:304", "1.2.3.4", id="IPv4 in IPv6, hex"),
        pytest.param("[::ffff:1.2.3.4]:80", "1.2.3.4", id="IPv4 in IPv6, port"),
        pytest.param("64:ff9b::1.2.3.4", "1.2.3.4", id="IPv4 by NAT64"),
        pytest.param("[64:FF9B::102:304]:80", "1.2.3.4", id="IPv4 by NAT64, hex and port"),
        pytest.param("64:ff9b:1::102:304", "64:ff9b:1::102:304", id="not NAT64's prefix"),
        pytest.param("2001:db8:0:0:0:0:0:1:46532", "2001:db8::1", id="IPv6, CloudFront's port"),
        pytest.param(
            "2001:0DB8:1111:2222:3333:4444:5555:6666:7",
            "2001:db8:1111:2222:3333:4444:5555:6666",
            id="IPv6, CloudFront's short port",
        ),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", id="IPv6, eight groups"),
        pytest.param("1.2.3.4:_http-alt", "1.2.3.4", id="IPv4, port that hides its number"),
        pytest.param("[2001:db8::1]:_x.1", "2001:db8::1", id="IPv6, port that hides its number"),
        pytest.param("::1", "::1", id="IPv6 loopback"),
        pytest.param("::", "::", id="IPv6 unspecified"),
    ],
)
def test_parse(text: str, ip: str) -> None:
    for _ in range(2):  # the second may come from the cache
        found = address.parse(text)
        assert (found.text, found.version) == (ip, ip_address(ip).version)
        assert isinstance(found.key, int)
        assert (found.key < 0) == (":" in ip)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("unknown", id="unknown"),
        pytest.param("_hidden", id="hidden"),
        pytest.param("localhost:80", id="name"),
        pytest.param("1.2.3", id="IPv4 cut short"),
        pytest.param("1.2.3.4.5", id="IPv4 too long"),
        pytest.param("1.2.3.256", id="IPv4 out of range"),
        pytest.param("01.2.3.4", id="IPv4, leading zero"),
        pytest.param("1.2.3.4:x", id="IPv4, port of letters"),
        pytest.param("1.2.3.4:123456", id="IPv4, port too long"),
        pytest.param("\u0661.2.3.4", id="IPv4, digits of another script"),
        pytest.param("1.2.3.4/24", id="network"),
        pytest.param("1.2.3.4, 5.6.7.8", id="list"),
        pytest.param("1::2::3", id="IPv6 of two gaps"),
        pytest.param("12345::", id="IPv6 out of range"),
        pytest.param("1:2:3:4:5:6:7:8:9:10", id="IPv6 of ten groups"),
        pytest.param("1:2:3:4:5:6:7:8:12345f", id="IPv6 of eight groups, port of letters"),
        pytest.param("1:2:3:4:5:6:7:8:123456", id="IPv6 of eight groups, port too long"),
        pytest.param("1.2.3.4:_", id="IPv4, port of nothing"),
        pytest.param("[2001:db8::1", id="bracket left open"),
        pytest.param("2001:db8::1]:80", id="bracket never opened"),
        pytest.param("[]", id="empty brackets"),
        pytest.param("\x00", id="NUL"),
        pytest.param("z" * 10_000, id="10,000 letters"),
        pytest.param(":" * 10_000, id="10,000 colons"),
    ],
)
def test_parse_keeps_what_is_no_address(text: str) -> None:
    assert address.parse(text) == address.Address(text, text[:64], 0)


@pytest.mark.parametrize(("length", "kept"), [(64, 1), (65, 0)])
def test_only_short_input_is_remembered(length: int, kept: int) -> None:
    address._known.clear()
    address.parse("x" * length)
    assert len(address._known) == kept


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("1.2.3.4", "1.2.3.4:5678", True, id="port"),
        pytest.param("1.2.3.4", "::ffff:1.2.3.4", True, id="IPv4 in IPv6"),
        pytest.param("1.2.3.4", "1.2.3.5", False, id="other IPv4"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True, id="same /64"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:3::1", False, id="next /64"),
        pytest.param("fe80::1%eth0", "fe80::1%eth1", True, id="zone"),
        pytest.param("::1", "0.0.0.0", False, id="first /64 and first IPv4"),
        pytest.param("0:0:102:304::", "1.2.3.4", False, id="same number"),
        pytest.param("unknown", "hidden", False, id="other text"),
        pytest.param("x" * 64 + "1", "x" * 64 + "2", True, id="same first 64 characters"),
    ],
)
def test_key(one: str, other: str, same: bool) -> None:
    assert (address.parse(one).key == address.parse(other).key) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("2001:db8:1:2::1", "2001:db8:1:ffff::", True, id="same /48"),
        pytest.param("2001:db8:1::1", "2001:db8:2::1", False, id="next /48"),
        pytest.param("1.2.3.4", "unknown", True, id="none for IPv4, and none for what is no address"),
        pytest.param("::1", "1.2.3.4", False, id="first /48"),
    ],
)
def test_wide(one: str, other: str, same: bool) -> None:
    assert (address.parse(one).wide == address.parse(other).wide) is same


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
def test_a_wide_key_is_no_key(one: IPv6Address, other: IPv6Address) -> None:
    first, second = address.parse(str(one)), address.parse(str(other))
    assert isinstance(second.key, int)
    assert first.wide < second.key or first.version == 4


@given(st.ip_addresses())
def test_text_is_canonical(ip: IPv4Address | IPv6Address) -> None:
    found = address.parse(ip.exploded.upper())
    plain = getattr(ip, "ipv4_mapped", None) or ip
    if int(ip) >> 32 == 0x64FF9B << 64:
        plain = IPv4Address(int(ip) & 0xFFFFFFFF)
    assert (ip_address(found.text), found.version) == (plain, plain.version)
    assert address.parse(found.text) == found


@given(st.text() | st.text(st.sampled_from('0123456789abcdef:.[]%" ')))
def test_parse_never_fails(text: str) -> None:
    found = address.parse(text)
    assert found.version or found.text == text


@pytest.mark.parametrize(
    ("value", "hops", "text"),
    [
        pytest.param("1.1.1.1", 1, "1.1.1.1", id="single"),
        pytest.param("1.1.1.1, 2.2.2.2, 3.3.3.3", 1, "3.3.3.3", id="one hop"),
        pytest.param("1.1.1.1, 2.2.2.2, 3.3.3.3", 2, "2.2.2.2", id="two hops"),
        pytest.param("1.1.1.1, 2.2.2.2, 3.3.3.3", 3, "1.1.1.1", id="three hops"),
        pytest.param("1.1.1.1, 2.2.2.2, 3.3.3.3", 9, "1.1.1.1", id="more hops than entries"),
        pytest.param("1.1.1.1", 3, "1.1.1.1", id="more hops than the single entry"),
        pytest.param("1.1.1.1,2.2.2.2", 1, "2.2.2.2", id="no space"),
        pytest.param("  1.1.1.1 ,\t2.2.2.2  ", 2, "1.1.1.1", id="blanks"),
        pytest.param("1.1.1.1, ", 1, "1.1.1.1", id="empty last entry"),
        pytest.param("1.1.1.1, , ,2.2.2.2,,", 2, "1.1.1.1", id="empty entries do not count"),
        pytest.param(", ,1.1.1.1, 2.2.2.2", 3, "1.1.1.1", id="empty first entries"),
        pytest.param("1.1.1.1, [2001:db8::1]:443", 1, "2001:db8::1", id="IPv6 with a port"),
        pytest.param('"1.1.1.1:80"', 1, "1.1.1.1", id="quotes"),
        pytest.param("1.1.1.1, ::ffff:2.2.2.2", 1, "2.2.2.2", id="IPv4 in IPv6"),
        pytest.param("1.1.1.1, unknown", 1, "unknown", id="no address is not skipped"),
        pytest.param("1.1.1.1" + "," * 60_000, 2, "1.1.1.1", id="60,000 empty entries"),
        pytest.param("9.9.9.9," * 8_000 + "1.1.1.1", 1, "1.1.1.1", id="8,000 entries"),
    ],
)
def test_forwarded(value: str, hops: int, text: str) -> None:
    assert address.forwarded(value, hops) == address.parse(text)


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("value", ["", "  ", ",", " , ,\t"], ids=["empty", "blank", "comma", "commas"])
def test_forwarded_needs_an_entry(value: str, hops: int) -> None:
    assert address.forwarded(value, hops) is None


RFC7239 = [
    pytest.param("for=1.1.1.1", 1, "1.1.1.1", id="single"),
    pytest.param("For=1.1.1.1;proto=https;by=10.0.0.1", 1, "1.1.1.1", id="with others, in upper case"),
    pytest.param("by=10.0.0.1; host=a.example ;for=1.1.1.1 ", 1, "1.1.1.1", id="behind others, with blanks"),
    pytest.param('for="1.1.1.1:8080"', 1, "1.1.1.1", id="IPv4 with a port"),
    pytest.param('for="[2001:db8:cafe::17]:4711"', 1, "2001:db8:cafe::17", id="IPv6 with a port"),
    pytest.param('for="[2001:db8:cafe::17]"', 1, "2001:db8:cafe::17", id="IPv6"),
    pytest.param("for=[2001:db8::1]:80", 1, "2001:db8::1", id="IPv6 without quotes"),
    pytest.param("for=1.1.1.1:80", 1, "1.1.1.1", id="a port without quotes"),
    pytest.param('for="1\\.1.1.\\1"', 1, "1.1.1.1", id="escaped"),
    pytest.param("for = 1.1.1.1", 1, "1.1.1.1", id="blanks around the sign"),
    pytest.param("for=1.1.1.1, for=2.2.2.2, for=3.3.3.3", 1, "3.3.3.3", id="one hop"),
    pytest.param("for=1.1.1.1, for=2.2.2.2, for=3.3.3.3", 2, "2.2.2.2", id="two hops"),
    pytest.param("for=1.1.1.1,for=2.2.2.2", 9, "1.1.1.1", id="more hops than elements"),
    pytest.param("for=1.1.1.1, , for=2.2.2.2,,", 2, "1.1.1.1", id="empty elements do not count"),
    pytest.param("for=_hidden", 1, "_hidden", id="obfuscated"),
    pytest.param("for=1.1.1.1, for=unknown", 1, "unknown", id="unknown is not skipped"),
    pytest.param("for=1.1.1.1, proto=https", 1, "unknown", id="an element without it is not skipped"),
    pytest.param('for=""', 1, "unknown", id="of nothing"),
    pytest.param("for=1.1.1.1;for=2.2.2.2", 1, "1.1.1.1", id="twice"),
    pytest.param("1.1.1.1", 1, "1.1.1.1", id="a bare address"),
    pytest.param("for=1.1.1.1, =", 1, "=", id="no element"),
    # What clients wrote must not change where the proxy's own element begins, nor what is in it.
    pytest.param('for="6.6.6.6, for=1.1.1.1', 1, "1.1.1.1", id="an open quote on the left"),
    pytest.param('for="6.6.6.6\\, for=1.1.1.1', 1, "1.1.1.1", id="an escaped comma on the left"),
    pytest.param('host="a, for=6.6.6.6";for=1.1.1.1', 1, "1.1.1.1", id="a comma in quotes"),
    pytest.param('host="a, for=6.6.6.6;x=";for=1.1.1.1', 1, "1.1.1.1", id="a comma in quotes, and a sign at the end"),
    pytest.param('host="a;for=6.6.6.6";for=1.1.1.1', 1, "1.1.1.1", id="a semicolon in quotes"),
    pytest.param('host="\\", for=\\"6.6.6.6";for=1.1.1.1', 1, "1.1.1.1", id="escaped quotes"),
    pytest.param('for=1.1.1.1;host="a, for=6.6.6.6"', 1, "1.1.1.1", id="a comma in quotes behind it"),
    pytest.param('for=2.2.2.2, for=1.1.1.1;host="a, b", for=3.3.3.3', 2, "1.1.1.1", id="a comma in quotes, two hops"),
    pytest.param('"' + "," * 60_000 + '"', 1, '"', id="60,000 commas in quotes"),
    pytest.param("for=9.9.9.9," * 5_000 + "for=1.1.1.1", 1, "1.1.1.1", id="5,000 elements"),
    pytest.param("a=b;" * 15_000 + "for=1.1.1.1", 1, "1.1.1.1", id="15,000 pairs"),
]


@pytest.mark.parametrize(("value", "hops", "text"), RFC7239)
def test_rfc7239(value: str, hops: int, text: str) -> None:
    assert address.rfc7239(value, hops) == address.parse(text)


@pytest.mark.parametrize("value", ["", "  ", ",", " , ,\t"], ids=["empty", "blank", "comma", "commas"])
def test_rfc7239_needs_an_element(value: str) -> None:
    assert address.rfc7239(value, 2) is None


@given(st.text(st.sampled_from('for=1.:,;"\\[]a ')), st.ip_addresses(), st.text(st.sampled_from('a,;"=\\ for1.')))
def test_no_client_hides_what_the_proxy_added(forged: str, ip: IPv4Address | IPv6Address, host: str) -> None:
    """The proxy's element stands on the right, with the client's `Host` in quotes."""
    quoted = host.replace("\\", "\\\\").replace('"', '\\"')
    node = f'"[{ip}]"' if ip.version == 6 else str(ip)
    for element in (f'host="{quoted}";for={node};proto=https', f'for={node};host="{quoted}"'):
        for value in (element, f"{forged}, {element}"):
            assert address.rfc7239(value, 1) == address.parse(str(ip))


@pytest.mark.parametrize(
    ("peer", "loopback", "private"),
    [
        ("127.0.0.1", True, True),
        ("127.9.8.7", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("64:ff9b::127.0.0.1", False, False),
        ("10.0.0.1", False, True),
        ("172.18.0.1", False, True),
        ("192.168.1.1", False, True),
        ("::ffff:192.168.1.1", False, True),
        ("169.254.1.1", False, True),
        ("100.64.0.1", False, True),
        ("fd00::1", False, True),
        ("fe80::1%eth0", False, True),
        ("8.8.8.8", False, False),
        ("::ffff:8.8.8.8", False, False),
        ("172.32.0.1", False, False),
        ("2600:1f18::1", False, False),
        ("unknown", False, False),
        ("", False, False),
    ],
)
def test_where_a_peer_is(peer: str, loopback: bool, private: bool) -> None:
    assert (address.is_loopback(peer), address.is_private(peer)) == (loopback, private)


@given(st.ip_addresses(), st.integers(0, 128))
def test_mask_is_the_network_of_an_address(ip: IPv4Address | IPv6Address, zeros: int) -> None:
    shortened = type(ip)(int(ip) >> zeros << zeros)
    found = address.parse(str(shortened))
    network = ip_network((found.text, 24 if found.version == 4 else 48), strict=False)
    assert address.mask(found) == str(network)


def test_mask_of_what_is_no_address_is_empty() -> None:
    assert address.mask(address.parse("unknown")) == ""
