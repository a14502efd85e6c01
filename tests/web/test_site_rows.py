"""Which rows the start page has: sites by their hosts, those without visits, and what a search finds."""

import pytest

from prisme.access.sites import Site
from prisme.dashboard.url_state import UrlState
from prisme.stats.site_figures import SiteFigures
from prisme.web.pages.site_rows import Entries, build_rows, find_silent

STATE = UrlState({}, None, "", "/stats")


def sites(*names: str) -> list[Site]:
    return [Site(name, "added") for name in names]


@pytest.mark.parametrize(
    ("domains", "names", "silent"),
    [
        (["example.com:8080"], ["example.com", "new.test"], ["new.test"]),
        (["a.b.example.com"], ["*.example.com", "*.b.example.com", "example.com"], ["example.com"]),
        (["example.com"], ["*.example.com"], ["*.example.com"]),
        ([], ["localhost", "127.0.0.1"], ["localhost"]),
        ([], ["localhost", "new.test"], ["new.test"]),
        (["localhost:8080"], ["localhost", "127.0.0.1"], []),
        (["[::1]:8080"], ["[::1]"], []),
        (["removed.test"], ["new.test"], ["new.test"]),
    ],
)
def test_silent_sites(domains: list[str], names: list[str], silent: list[str]) -> None:
    assert find_silent(domains, sites(*names)) == silent


def test_rows_lead_to_their_dashboards_and_settings() -> None:
    visited = [SiteFigures("a.example.com:81", 1200, 1000, 0, 0), SiteFigures("removed.test", 0, 0, 0, 0)]
    listed = sites("*.example.com", "new.test")
    entries = Entries(visited, ["new.test"])
    first, removed, silent = build_rows(entries, {"a.example.com:81": [0, 4], "removed.test": [0, 0]}, listed, STATE)
    assert (first.link, first.page) == ("/stats/dashboard?domain=a.example.com:81", "/stats/site?host=%2A.example.com")
    assert (first.visitors, first.exact, first.line) == ("1.2k", "1,200", "M0 19L100 1")
    assert first.change
    assert (first.change.sign, first.change.text) == ("+", "20%")
    assert removed.page == ""
    assert (silent.has_visits, silent.link, silent.page) == (False, silent.page, "/stats/site?host=new.test")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["xn--bcher-kva.example", "example.com", "*.xn--bcher-kva.test"]),
        ("Example", ["xn--bcher-kva.example", "example.com"]),
        ("b\u00fccher", ["xn--bcher-kva.example", "*.xn--bcher-kva.test"]),
        ("xn--", ["xn--bcher-kva.example", "*.xn--bcher-kva.test"]),
        ("nothing", []),
    ],
)
def test_search_is_by_the_stored_name_and_by_the_one_that_is_read(text: str, found: list[str]) -> None:
    visited = [SiteFigures(domain, 1, 0, 0, 0) for domain in ("xn--bcher-kva.example", "example.com")]
    left = Entries(visited, ["*.xn--bcher-kva.test"]).search(text)
    assert [one.domain for one in left.visited] + left.silent == found
    assert len(left) == len(found)


def test_rows_are_cut() -> None:
    entries = Entries([SiteFigures(str(number), 1, 0, 0, 0) for number in range(3)], ["x", "y"])
    assert [len(entries.cut(most)) for most in (2, 4, 9)] == [2, 4, 5]
    assert entries.cut(4).silent == ["x"]
