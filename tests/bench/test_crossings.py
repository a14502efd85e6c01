"""How many files a pageview crosses: the figures that `docs/development.md` states."""

import pytest

from bench.crossings import MOST_FILES, MOST_SWITCHES, Way, trace


@pytest.fixture(scope="module")
def ways() -> list[Way]:
    return trace()


def test_a_pageview_crosses_few_files(ways: list[Way]) -> None:
    assert [way.name for way in ways] == ["first pageview", "second pageview"]
    for way in ways:
        assert way.status == 200
        assert way.files <= MOST_FILES == 14, way.stops
        assert way.switches <= MOST_SWITCHES == 28, way.stops


def test_the_whole_way_is_traced(ways: list[Way]) -> None:
    first, second = (set(way.stops) for way in ways)
    assert {"web/server.py", "web/events/endpoints.py", "journal/appender.py", "web/traffic.py"} <= first & second
    assert {"visit/useragent.py", "visit/geo.py"} <= first - second
