"""The lists of sources and channels: their labels, and the filters that their rows set."""

from urllib.parse import parse_qs, urlsplit

from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.list_types import PANEL_TYPES, SOURCES
from prisme.dashboard.lists import ListData, build_list
from prisme.dashboard.panels import build_panel, choose_list
from prisme.dashboard.rows import Row
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters
from prisme.stats.list_metrics import Figures

HERE = UrlState({}, None, "UTC")
COMMA = "one, two"


def rows_of(name: str, *keys: str) -> list[Row]:
    return build_list(HERE, name, ListData("sessions", [Figures(key, sessions=1) for key in keys])).rows


def test_a_row_filters_by_its_source_alone() -> None:
    for key in ("Google", "Direct", "example.com", COMMA, "*", "!"):
        (row,) = rows_of(SOURCES, key)
        assert row.label == key
        only = parse_qs(urlsplit(row.only).query)["source"][0]
        assert filters.read({"source": only})["source"].includes == ((key,),)


def test_hosts_are_decoded() -> None:
    (row,) = rows_of(SOURCES, "xn--bcher-kva.example")
    assert row.label == "bücher.example"
    only = parse_qs(urlsplit(row.only).query)["source"][0]
    assert only == "bücher.example"
    assert filters.read({"source": only})["source"].includes == (("xn--bcher-kva.example",),)


def test_a_row_filters_by_its_channel() -> None:
    (row,) = rows_of("top-channels", "AI assistants")
    assert parse_qs(urlsplit(row.only).query) == {"channel": ["AI assistants"]}


def test_chips_name_sources_and_channels() -> None:
    (source, channel, referrer) = build_chips(
        UrlState({"referrer": "google.com", "source": "Google", "channel": "!Paid search"}, None, "UTC")
    )
    assert (source.condition, source.value) == ("Source is", "Google")
    assert (channel.condition, channel.value) == ("Channel is not", "Paid search")
    assert (referrer.condition, referrer.value) == ("Referrer is", "google.com")


def test_channels_are_a_tab_of_sources() -> None:
    assert PANEL_TYPES["sources"].lists[:3] == (SOURCES, "top-channels", "top-referrers")


def test_lists_of_campaigns_are_behind_one_tab() -> None:
    def tabs(chosen: str) -> list[list[tuple[str, bool]]]:
        state = UrlState({"sources": chosen}, None, "UTC")
        assert choose_list(state, "sources") == chosen
        shown = build_list(state, chosen, ListData("sessions", []))
        return [[(tab.title, tab.chosen) for tab in row] for row in build_panel(state, "sources", shown).tabs]

    (first,) = tabs("top-channels")
    assert first == [("Sources", False), ("Channels", True), ("Referrers", False), ("Campaigns", False)]
    first, second = tabs("top-utm-terms")
    assert [title for title, chosen in first if chosen] == ["Campaigns"]
    assert [title for title, _ in second] == ["Campaigns", "UTM sources", "Mediums", "Terms", "Contents"]
    assert [title for title, chosen in second if chosen] == ["Terms"]
