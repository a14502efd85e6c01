from collections.abc import Callable
from pathlib import Path

import pytest

from prisme.base import uri
from prisme.cli.serve import configure
from prisme.runtime.config import ConfigError
from prisme.visit.origins import Hosts, OriginError, Origins

REGISTRY = (
    "example.com",
    " Shop.Example.COM ",
    "*.example.org",
    "münchen.de",
    "*.bücher.example",
    "localhost",
    "127.0.0.1",
    "[0:0::1]",
    "root.example.",
)


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        ("example.com", True),
        ("EXAMPLE.com", True),
        ("www.example.com", False),
        ("www.example.org", True),
        ("example.org", False),
        ("münchen.de", True),
        ("[::1]", True),
        ("example.com:80", False),
        ("", False),
    ],
)
def test_hosts_are_registered_by_their_normal_form(host: str, admitted: bool) -> None:
    normal = uri.normalise_host(host)
    assert (normal is not None and normal in Origins(REGISTRY)) is admitted


@pytest.mark.parametrize(
    ("host", "held"),
    [
        pytest.param("example.com", True, id="exact"),
        pytest.param("com", False, id="above an exact host"),
        pytest.param("notexample.com", False, id="same ending"),
        pytest.param("a.b.example.org", True, id="wildcard, any depth"),
        pytest.param("example.org", False, id="wildcard's apex"),
        pytest.param("notexample.org", False, id="wildcard needs a dot"),
        pytest.param("org", False, id="above the wildcard"),
        pytest.param("xn--mnchen-3ya.de", True, id="punycode"),
        pytest.param("[::1]", True, id="IPv6"),
        pytest.param("", False, id="empty"),
    ],
)
def test_holds_hosts_in_normal_form(host: str, held: bool) -> None:
    assert (host in Origins(REGISTRY)) is held


def test_a_list_of_hosts_may_be_empty() -> None:
    assert "example.com" not in Hosts(())


FAULTS = [
    pytest.param("https://example.com", "has a scheme: write example.com", id="scheme"),
    pytest.param("https://example.com:80/x", "has a scheme: write example.com", id="scheme, port and path"),
    pytest.param("https://*.example.com", "has a scheme: write *.example.com", id="scheme and wildcard"),
    pytest.param("//example.com", "has a scheme: write example.com", id="empty scheme"),
    pytest.param("https://", "has a scheme: write the host alone, such as example.com", id="scheme alone"),
    pytest.param("example.com/blog", "has a path: write example.com", id="path"),
    pytest.param("example.com/", "has a path: write example.com", id="slash"),
    pytest.param("example.com:8080", "has a port: write example.com", id="port"),
    pytest.param("*.example.com:8080", "has a port: write *.example.com", id="wildcard and port"),
    pytest.param("example.com:", "has a port: write example.com", id="empty port"),
    pytest.param("[::1]:80", "has a port: write [::1]", id="IPv6 and port"),
    pytest.param("::1", "is an IPv6 address without brackets: write [::1]", id="IPv6 without brackets"),
    pytest.param("*", "may have a wildcard only in front of a domain", id="wildcard alone"),
    pytest.param("*example.com", "may have a wildcard only in front of a domain", id="wildcard without a dot"),
    pytest.param("www.*.com", "may have a wildcard only in front of a domain", id="wildcard in the middle"),
    pytest.param("example.*", "may have a wildcard only in front of a domain", id="wildcard at the end"),
    pytest.param("*.*.example.com", "may have a wildcard only in front of a domain", id="two wildcards"),
    pytest.param("*.com", "has a wildcard over a single label", id="wildcard over a single label"),
    pytest.param("*.com.", "has a wildcard over a single label", id="the same with the root's dot"),
    pytest.param("*.localhost", "has a wildcard over a single label", id="wildcard over localhost"),
    pytest.param("*.", "has an empty label", id="wildcard over nothing"),
    pytest.param("*.127.0.0.1", "has a wildcard before an address: write 127.0.0.1", id="wildcard over IPv4"),
    pytest.param("*.[::1]", "has a wildcard before an address: write [::1]", id="wildcard over IPv6"),
    pytest.param("example..com", "has an empty label", id="empty label"),
    pytest.param(".example.com", "has an empty label", id="empty first label"),
    pytest.param("example.com..", "has an empty label", id="empty last label"),
    pytest.param("127.0.0", "is not an IPv4 address", id="IPv4 cut short"),
    pytest.param("256.0.0.1", "is not an IPv4 address", id="IPv4 out of range"),
    pytest.param("[::g]", "is not a host", id="IPv6 misspelt"),
    pytest.param("exa mple.com", "is not a host", id="space"),
    pytest.param("exa mple.com.", "is not a host", id="space and the root's dot"),
    pytest.param("user@example.com", "is not a host", id="user info"),
    pytest.param("example.com;example.org", "is not a host", id="wrong separator"),
    pytest.param("a" * 64 + ".com", "is not a host", id="label too long"),
    pytest.param("http://\ud800", "has a scheme", id="half a surrogate pair"),
]


@pytest.mark.parametrize(("entry", "fault"), FAULTS)
def test_bad_entries_are_named_with_their_fault(entry: str, fault: str) -> None:
    with pytest.raises(OriginError) as caught:
        Origins(["example.com", entry])
    assert str(caught.value).startswith(f"{entry!r} {fault}")
    assert "example.com' " not in str(caught.value).replace(repr(entry), "")


def read_option(value: str) -> list[str]:
    """The entries that `prisme serve` reads from its option; OriginError with the faults that it reports."""
    try:
        return list(configure([], {"PRISME_ORIGINS": value}, Path("/nonexistent"))[0].origins)
    except ConfigError as mistakes:
        (message,) = mistakes.messages
        raise OriginError(message.removeprefix("origins (environment PRISME_ORIGINS): ")) from mistakes


@pytest.mark.parametrize("read", [Origins, lambda entries: read_option(",".join(entries))], ids=["registry", "option"])
def test_all_bad_entries_are_named_at_once(read: Callable[[list[str]], object]) -> None:
    with pytest.raises(ValueError, match="no ") as caught:
        read(["*.com", "example.com", "", "http://a.b", " ", "no host"])
    assert [fault.split(" ")[:2] for fault in str(caught.value).split("; ")] == [
        ["'*.com'", "has"],
        ["entry", "3"],
        ["'http://a.b'", "has"],
        ["entry", "5"],
        ["'no", "host'"],
    ]


@pytest.mark.parametrize("entries", [[], [""], [" ", ""]], ids=["none", "empty", "blanks"])
def test_a_registry_needs_an_entry(entries: list[str]) -> None:
    with pytest.raises(OriginError, match="no origins: name at least one host"):
        Origins(entries)


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        pytest.param("a.example", ["a.example"], id="one"),
        pytest.param("a.example,*.b.example", ["a.example", "*.b.example"], id="two"),
        pytest.param("  a.example ,\t[::1]\n", ["a.example", "[::1]"], id="blanks around"),
    ],
)
def test_the_option_has_entries_separated_by_commas(value: str, entries: list[str]) -> None:
    assert read_option(value) == entries


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        pytest.param("", "no origins", id="empty"),
        pytest.param(" , ", "no origins", id="commas alone"),
        pytest.param("a.example,,b.example", "entry 2 is empty", id="between"),
        pytest.param(",a.example", "entry 1 is empty", id="in front"),
        pytest.param("a.example, ", "entry 2 is empty", id="at the end"),
    ],
)
def test_the_option_has_no_empty_entries(value: str, fault: str) -> None:
    with pytest.raises(OriginError, match=f"^{fault}"):
        read_option(value)
