"""The tiles: the figures of a period, and how they changed from another one."""

from types import SimpleNamespace
from typing import Any

import pytest

from prisme.dashboard.number_format import NOTHING, Change
from prisme.dashboard.tiles import Tile, build_tiles
from prisme.dashboard.url_state import UrlState

SERIES = ("visitors", "sessions", "pageviews", "events", "bounces", "sessions-duration")
NO_VISITS = dict.fromkeys(SERIES, 0.0)
SOME = dict(zip(SERIES, (8, 10, 20, 4, 5, 60.0), strict=True))
MORE = dict(zip(SERIES, (16, 20, 50, 4, 11, 90.0), strict=True))
AVERAGES = ("views-per-session", "bounce-rate", "duration")


def build(totals: dict[str, float], before: dict[str, float] | None) -> dict[str, Tile]:
    dashboard: Any = SimpleNamespace(totals=totals, compared_totals=before)
    return build_tiles(UrlState({}, None, ""), "visitors", dashboard)


def test_more_visits() -> None:
    tiles = build(MORE, SOME)
    assert tiles["visitors"].change == Change("+", "100%", "up 100% from 8", "good")
    assert tiles["events"].change == Change("=", "0%", "unchanged, 4 before", "same")
    # From 50% to 55%.
    assert tiles["bounce-rate"].change == Change("+", "5 points", "up 5 points from 50%", "bad")
    assert tiles["duration"].change == Change("+", "50%", "up 50% from 1m 00s", "good")


@pytest.mark.parametrize("name", ["visitors", "sessions", "pageviews", "events", *AVERAGES])
def test_nothing_was_before(name: str) -> None:
    change = build(SOME, NO_VISITS)[name].change
    assert change
    assert (change.sign, change.text) == ("", "new")
    assert change.rating == ("same" if name in AVERAGES else "good")


@pytest.mark.parametrize("before", [None, NO_VISITS, SOME])
def test_averages_of_no_session_are_unknown(before: dict[str, float] | None) -> None:
    tiles = build(NO_VISITS | {"events": 3}, before)
    for name in AVERAGES:
        assert (tiles[name].value, tiles[name].change) == (NOTHING, None)
    assert tiles["visitors"].value == "0"


def test_a_bounce_rate_that_was_zero_is_no_percentage_of_it() -> None:
    assert build(SOME, SOME | {"bounces": 0})["bounce-rate"].change == Change(
        "+", "50 points", "up 50 points from 0%", "bad"
    )
