"""Entries of domains against plain Python: what each allows, and that what two lists have in common is no wider."""

from hypothesis import example, given
from hypothesis import strategies as st

from prisme.base.domains import allows, any_port, host_of, intersect

LABELS = st.lists(st.sampled_from(["a", "b", "ab", "com"]), min_size=1, max_size=4)
PORTS = st.sampled_from(["", "", ":80", ":8080"])
DOMAINS = st.builds(lambda labels, port: ".".join(labels) + port, LABELS, PORTS) | st.sampled_from(
    ["[::1]", "[::1]:80"]
)
WILDCARDS = LABELS.map(lambda labels: "*." + ".".join(labels))
WITH_ANY_PORT = st.builds(any_port, DOMAINS.map(host_of))
ENTRIES = st.lists(DOMAINS | WILDCARDS | WITH_ANY_PORT, max_size=6).map(tuple)


def is_allowed(entries: tuple[str, ...], domain: str) -> bool:
    """By labels, from the right; or by the whole host, for any port."""
    if any(domain == entry[:-2] or domain.startswith(entry[:-1]) for entry in entries if entry.endswith(":*")):
        return True
    labels = domain.split(":")[0].split(".")
    parents = ["*." + ".".join(labels[cut:]) for cut in range(1, len(labels))]
    return any(entry in (domain, *parents) for entry in entries)


@given(ENTRIES, DOMAINS)
@example(("*.example.com",), "example.com")
@example(("*.example.com",), "example.com:80")
@example(("*.example.com",), "notexample.com")
@example(("*.example.com",), "example.com.evil.net")
@example(("*.example.com",), "a.b.example.com:8080")
@example(("example.com",), "example.com:8080")
@example(("example.com:*",), "example.com:8080")
@example(("example.com:*",), "example.com")
@example(("example.com:*",), "a.example.com")
@example(("[::1]:*",), "[::1]:80")
def test_domains_are_allowed(entries: tuple[str, ...], domain: str) -> None:
    assert allows(entries, domain) == is_allowed(entries, domain)


@given(ENTRIES, ENTRIES, DOMAINS)
@example(("*.example.com",), ("*.a.example.com", "example.com"), "b.a.example.com")
@example(("*.example.com",), ("a.example.com",), "b.example.com")
def test_common_entries_allow_what_both_allow(one: tuple[str, ...], other: tuple[str, ...], domain: str) -> None:
    common = intersect(one, other)
    assert is_allowed(common, domain) == (is_allowed(one, domain) and is_allowed(other, domain))
    assert len(set(common)) == len(common)


@given(ENTRIES, WILDCARDS, DOMAINS)
def test_a_wildcard_is_allowed_if_all_of_it_is(entries: tuple[str, ...], wildcard: str, domain: str) -> None:
    if allows(entries, wildcard) and is_allowed((wildcard,), domain):
        assert is_allowed(entries, domain)
    assert allows(entries, wildcard) == any(
        entry == wildcard or (entry.startswith("*.") and is_allowed((entry,), wildcard[2:])) for entry in entries
    )
