"""Chips: what they say, and what remains without one."""

import pytest

from prisme.dashboard.filter_chips import TITLES, build_chips, link_clear
from prisme.dashboard.url_state import UrlState, read_parameters
from prisme.stats import filters


def chips(**parameters: str) -> list[str]:
    state = UrlState(read_parameters({name.replace("_", "-"): text for name, text in parameters.items()}), None, "")
    return [f"{chip.condition} {chip.value}" for chip in build_chips(state)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("path", "*blog*", ["Page contains blog"]),
        ("path", "!*blog*", ["Page does not contain blog"]),
        ("path", "/blog/*,!/blog/draft-*", ["Page is /blog/*", "Page is not /blog/draft-*"]),
        ("path", "*a*b*", ["Page is *a*b*"]),
        ("path", "*", ["Page is *"]),
        ("path", "*caf%C3%A9*", ["Page contains café"]),
        ("event", "!signup", ["Event is not signup"]),
        ("event", r"*a\*b*", ["Event contains a*b"]),
        ("country", "DE,!FR,*E*", ["Country is Germany", "Country is not France", "Country contains E"]),
        ("device-type", "tv", ["Device type is TV"]),
        ("status", "404,5*", ["Status is 404 Not found", "Status is 5*"]),
        ("referrer", "direct", ["Referrer is Direct"]),
        ("source", "Google", ["Source is Google"]),
        ("referrer", "www.google.com,!google.de", ["Referrer is www.google.com", "Referrer is not google.de"]),
        ("prop.plan", "pro,!*x*", ["Property plan is pro", "Property plan does not contain x"]),
        ("domain", "example.com", []),
        ("domain", "!example.com", ["Site is not example.com"]),
        ("domain", "*.example.com", ["Site is *.example.com"]),
        ("domain", "example.com,example.org", ["Site is example.com", "Site is example.org"]),
    ],
)
def test_chips_say_what_is_filtered(name: str, text: str, expected: list[str]) -> None:
    assert chips(**{name: text}) == expected


def test_a_chip_removes_its_term() -> None:
    state = UrlState(read_parameters({"country": "DE,FR", "source": "Google", "prop.plan": "a"}), None, "")
    assert [chip.link for chip in build_chips(state)] == [
        "/dashboard?country=DE,FR&prop.plan=a",
        "/dashboard?country=FR&source=Google&prop.plan=a",
        "/dashboard?country=DE&source=Google&prop.plan=a",
        "/dashboard?country=DE,FR&source=Google",
    ]


@pytest.mark.parametrize(
    ("sites", "left"), [("example.com", "?period=7d&domain=example.com"), ("a.example,b.example", "?period=7d")]
)
def test_all_chips_are_cleared_but_one_site_stays(sites: str, left: str) -> None:
    state = UrlState({"period": "7d", "domain": sites, "country": "DE", "prop.plan": "pro"}, None, "")
    assert link_clear(state) == f"/dashboard{left}"


@pytest.mark.parametrize("name", filters.NAMES)
def test_each_filter_is_kept_and_has_a_chip(name: str) -> None:
    found = [chip.casefold() for chip in chips(**{name: "a,b"})]  # types of devices are capitalised
    assert found == [f"{TITLES[name]} is {value}".casefold() for value in ("a", "b")]
