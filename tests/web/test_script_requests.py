"""Requests for the script, by the host of the page."""

import pytest

from prisme.visit.origins import Hosts
from prisme.visit.sites import Rules, Sites
from prisme.web import script_requests
from prisme.web.script_requests import ScriptRequests

SITES = Sites(Hosts(["example.com", "*.example.org"]), Rules(aliases=[("www.example.com", "example.com")]))


@pytest.mark.parametrize(
    ("referer", "host", "found"),
    [
        (b"https://example.com/", "example.com", True),
        (b"https://example.com:8080/a?b", "example.com", True),
        (b"https://www.example.com/", "example.com", True),
        (b"https://a.example.org", "*.example.org", True),
        (b"https://a.example.org", "example.com", False),
        (b"https://nope.example", "nope.example", False),
        (b"", "example.com", False),
        (b"nonsense", "example.com", False),
    ],
)
def test_requests_count_for_the_site_of_the_page(referer: bytes, host: str, found: bool) -> None:
    scripts = ScriptRequests(SITES)
    scripts.note(referer, 5.0)
    assert scripts.latest(Hosts([host])) == (5.0 if found else None)


def test_latest_hosts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_requests, "_MOST", 2)
    scripts = ScriptRequests(SITES)
    for at, name in enumerate(["a", "b", "a", "c"]):
        scripts.note(b"https://%s.example.org/" % name.encode(), float(at))
    assert [scripts.latest(Hosts([f"{name}.example.org"])) for name in "abc"] == [2.0, None, 3.0]
