"""Sources: their names, their groups, and the filters that their rows set."""

from urllib.parse import parse_qs, urlsplit

import pytest

from prisme.dashboard import lists, sources
from prisme.dashboard.list_types import SOURCES
from prisme.dashboard.source_names import name_source
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters
from prisme.stats.list_metrics import Figures


@pytest.mark.parametrize(
    ("host", "title"),
    [
        ("www.google.com", "Google"), ("google.co.uk", "Google"), ("mail.google.com", "Gmail"),
        ("google.example.com", "google.example.com"), ("l.facebook.com", "Facebook"), ("t.co", "X"),
        ("news.ycombinator.com", "Hacker News"), ("www.example.com", "example.com"),
        ("notfacebook.com", "notfacebook.com"),
        ("localhost:8080", "localhost:8080"), ("chatgpt.com", "ChatGPT"), ("com.slack", "Slack"),
    ],
)  # fmt: skip
def test_names_of_sources(host: str, title: str) -> None:
    assert name_source(host) == title


def test_sources_are_grouped() -> None:
    counts = {"direct": 5, "google.com": 3, "www.google.de": 4, "me.example": 2}
    rows = [Figures(host, sessions=count) for host, count in counts.items()]
    found = sources.group_referrers(rows, frozenset({"me.example"}), "sessions")
    assert [(one.label, one.figures.sessions, one.terms) for one in found] == [
        ("Google", 7, "google.com,www.google.de"),
        ("Direct", 5, "direct"),
        ("Internal", 2, "me.example"),
    ]


def one_each(hosts: list[str]) -> lists.ListData:
    return lists.ListData("sessions", [Figures(host, sessions=1) for host in hosts])


def test_a_source_filters_by_all_of_its_hosts() -> None:
    hosts = [f"s{number}.search.google.com" for number in range(300)]
    here = UrlState({}, None, "UTC")
    (row,) = lists.build_list(here, SOURCES, one_each(hosts), frozenset(["example.com"])).rows
    assert row.value == "300"
    only = parse_qs(urlsplit(row.only).query)["referrer"][0]
    assert filters.read({"referrer": only})["referrer"].includes == tuple((host,) for host in hosts)


def test_a_source_with_more_hosts_than_a_filter_can_name_is_no_filter() -> None:
    hosts = [f"{'s' * 60}{number}.google.com" for number in range(200)]
    (row,) = lists.build_list(UrlState({}, None, ""), SOURCES, one_each(hosts)).rows
    assert (row.value, row.only, row.exclude) == ("200", "", "")
