"""The hosts of refused events: bounded, and those that matter stay."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from prisme.visit.refused_hosts import RefusedHosts


def test_hosts_are_counted_with_the_last_time() -> None:
    refused = RefusedHosts()
    for at, url in enumerate([b"https://a.example", b"http://B.example:8080/secret?who=ada#x", b"https://b.example/"]):
        refused.add(url, at)
    assert [(one.host, one.count, one.last) for one in refused.list()] == [("b.example", 2, 2), ("a.example", 1, 0)]
    assert "secret" not in repr(vars(refused))
    assert "ada" not in repr(vars(refused))


def test_what_has_no_valid_host_is_not_listed() -> None:
    refused = RefusedHosts()
    for raw in (
        b"",
        b"null",
        b"https://",
        b"https://a b/",
        b"file:///etc",
        b"android-app://x",
        b"https://" + b"a" * 300,
    ):
        refused.add(raw, 1)
    assert refused.list() == []


def test_a_flood_of_random_hosts_does_not_displace_a_site() -> None:
    refused = RefusedHosts()
    for number in range(20_000):
        refused.add(b"https://h%d.example" % number, number)
        if number % 50 == 0:
            refused.add(b"https://site.example", number)
    listed = refused.list()
    assert len(listed) == 256
    assert listed[0].host == "site.example"
    assert 300 <= listed[0].count <= 400


@given(st.lists(st.integers(0, 400), max_size=2000))
def test_no_more_events_are_counted_than_there_were(numbers: list[int]) -> None:
    refused = RefusedHosts()
    for number in numbers:
        refused.add(b"https://h%d.example" % number, 0)
    true = Counter(f"h{number}.example" for number in numbers)
    listed = refused.list()
    assert len(listed) == min(len(true), 256)
    assert all(1 <= one.count <= true[one.host] for one in listed)
    if len(true) <= 256:
        assert {one.host: one.count for one in listed} == true
