"""The lists of regions and cities: their labels, the filters that their rows set, and where they are shown."""

from urllib.parse import parse_qs, urlsplit

import pytest

from prisme.dashboard.filter_chips import build_chips
from prisme.dashboard.filter_menu import build_filter_form
from prisme.dashboard.lists import ListData, build_list
from prisme.dashboard.panels import build_panel, choose_list
from prisme.dashboard.url_state import UrlState
from prisme.stats import filters
from prisme.stats.list_metrics import Figures

HERE = UrlState({}, None, "UTC")


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("Paris (FR)", "Paris, France"),
        ("Île-de-France (FR)", "Île-de-France, France"),
        ("Ås, 100%* (NO)", "Ås, 100%*, Norway"),
        ("Halle (Saale) (DE)", "Halle (Saale), Germany"),
        ("Paris", "Paris"),
    ],
)
@pytest.mark.parametrize(("name", "filter_"), [("top-regions", "region"), ("top-cities", "city")])
def test_rows_have_the_name_of_the_country_and_filter_by_themselves(
    name: str, filter_: str, key: str, label: str
) -> None:
    (row,) = build_list(HERE, name, ListData("sessions", [Figures(key, sessions=1)])).rows
    assert row.label == label
    only = parse_qs(urlsplit(row.only).query)[filter_][0]
    assert filters.read({filter_: only})[filter_].includes == ((key,),)
    (chip,) = build_chips(UrlState({filter_: only}, None, "UTC"))
    assert (chip.condition, chip.value) == (f"{filter_.title()} is", label)


@pytest.mark.parametrize(
    ("chosen", "places", "titles"),
    [
        ("", set(), ["Countries"]),
        ("", {"region", "city"}, ["Countries", "Regions", "Cities"]),
        ("top-countries", {"region"}, ["Countries", "Regions"]),
        ("top-cities", {"region"}, ["Countries", "Regions", "Cities"]),
    ],
)
def test_tabs_are_there_for_lists_with_rows_and_the_chosen_one(
    chosen: str, places: set[str], titles: list[str]
) -> None:
    state = UrlState({"countries": chosen} if chosen else {}, None, "UTC")
    shown = build_list(state, choose_list(state, "countries"), ListData("sessions", []))
    (tabs,) = build_panel(state, "countries", shown, places).tabs
    assert [tab.title for tab in tabs] == titles
    assert [tab.title for tab in tabs if tab.chosen] == [shown.title]


def test_the_form_offers_filters_that_there_are_values_for() -> None:
    def fields(places: set[str]) -> set[str]:
        return {name for name, _ in build_filter_form(HERE, ["a.example"], [], places).fields}

    assert fields({"region", "city"}) - fields({"city"}) == {"region"}
    assert fields({"city"}) - fields(set()) == {"city"}
