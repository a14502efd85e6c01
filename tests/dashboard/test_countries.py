"""Countries: their names, and their shapes on the map."""

from hypothesis import given
from hypothesis import strategies as st

from prisme.dashboard import color_scale, countries
from prisme.dashboard.number_format import format_percent
from prisme.dashboard.url_state import UrlState
from prisme.dashboard.world_map import build_areas, build_legend, load_world


def test_countries() -> None:
    assert countries.find_name("DE") == "Germany"
    assert countries.find_name("XX") == "Unknown"
    assert countries.find_name("ZZ") == "ZZ"
    codes = {shape.code for shape in load_world().shapes}
    assert {"DE", "US", "FR", "BR", "IN", "AU"} <= codes
    assert len(codes) > 170


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60))
def test_the_legend_says_what_colours_mean(counts: list[int]) -> None:
    """Each country's number is in the range of its colour, and in no other."""
    highest, ranges = max(counts), color_scale.list_ranges(max(counts))
    for count in [0, *counts]:
        level = color_scale.level(count, highest)
        assert [number for number, first, last in ranges if first <= count <= last] == [level]
    texts = [step.text for step in build_legend([("DE", highest), ("XX", highest * 9)])]
    assert texts[0] == "0"
    assert texts[-1].endswith(f"{highest:,}")


def test_the_legend_of_rates() -> None:
    steps = build_legend([("DE", 0.5), ("FR", 0.1)], format_percent, is_whole=False)
    assert [step.text for step in steps] == ["0", "up to 10%", "up to 20%", "up to 30%", "up to 40%", "up to 50%"]


def test_countries_on_the_map_filter_as_their_rows_do() -> None:
    state = UrlState({"country": "DE", "period": "7d"}, None, "")
    counts = [("DE", 9.0), ("FR", 3.0), ("XX", 2.0)]
    areas = {area.title: area for area in build_areas(state, counts)}
    assert areas["Germany: 9"].link == "/dashboard?period=7d"
    assert areas["France: 3"].link == "/dashboard?country=FR&period=7d"
    assert areas[""].link == ""
    assert len(areas) == 3
