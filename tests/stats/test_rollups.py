"""Figures made of rollups equal those counted from the rows, whatever comes late, is deleted or is imported."""

import datetime
import logging
import random
from typing import Final, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import Interval, floor
from prisme.stats.queries import Stats
from prisme.stats.rollups import builder, plan
from prisme.stats.rollups.builder import RollupBuilder
from prisme.stats.rollups.cover import find_cover
from prisme.stats.selection import Page
from prisme.store.maintenance import maintaining
from prisme.store.reader import Reader
from prisme.store.rollups import Unit, list_units
from tests.faults.load import LONG
from tests.stats.lines import DAY, DOMAINS, FIRST, LAST, ZONES, make_lines
from tests.stats.oracle import Made
from tests.stats.strategies import make_filters
from tests.stats.test_incremental import Instance, select, when
from tests.stats.test_row_cache import METRICS, ask
from tests.stats.test_row_cache import count as count_rows

INTERVALS: Final[list[Interval]] = ["hour", "day", "week", "month"]
UNITS: Final[dict[str, Literal["w", "M"]]] = {"week": "w", "month": "M"}


def build_all(instance: Instance, now: int = LAST + 10 * DAY) -> list[Unit]:
    """Make all units."""
    made = RollupBuilder(instance.database, instance.loader, logging.getLogger("tests"))
    while made.build(now):
        pass
    assert made.is_complete
    with maintaining(instance.database) as cursor:
        return list_units(cursor.ask)


def count_all(instance: Instance, noise: random.Random, made: Made, zone: datetime.tzinfo, spans: int = 4) -> int:
    """Check figures of random spans against the rows; gives how many of them rollups can have."""
    covered = 0
    for _ in range(spans):
        interval = noise.choice(INTERVALS)
        start = floor(FIRST + noise.randrange(30) * DAY, UNITS.get(interval, "d"), zone)
        ends = [LAST + DAY, start + noise.randrange(DAY, 20 * DAY), floor(LAST, "d", zone), floor(LAST, "M", zone)]
        selection = select(start, max(noise.choice(ends), start + 1), interval, made, zone)
        page = noise.choice([Page(), Page(noise.randrange(1, 12), noise.randrange(4))])
        domains = noise.choice([None, DOMAINS[:1]])
        instance.count(selection, page, domains)
        lists = noise.sample(ask(noise.choice(METRICS), page), 6)
        count_rows(instance, lists, selection, domains)
        with Reader(instance.database, 3600.0) as reader:
            stats, span = Stats(reader, domains), selection.span
            covered += find_cover(stats, selection.filters, span.start, span.end, span.edges) is not None
    return covered


@given(st.integers(0, 1 << 32), make_filters(["domain"]), st.sampled_from(ZONES), st.sampled_from([40, 80, 1000]))
@settings(
    max_examples=60 if LONG else 2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)
def test_figures_of_rollups_are_those_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, seed: int, made: Made, zone: datetime.tzinfo, fewest: int
) -> None:
    noise, covered = random.Random(seed), 0
    lines = sorted(make_lines(seed, 400), key=when)
    late = [line for line in lines if noise.random() < 0.02]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_FEWEST_PAGEVIEWS", fewest)
        patch.setattr(plan, "_FEWEST_OF_SITE", 1)
        patch.setattr(builder, "_AFTER_DROP", 0)
        instance = Instance(tmp_path_factory.mktemp("rolled"), patch)
        instance.load([line for line in lines if line not in late])
        instance._time += 1000
        build_all(instance)
        covered += count_all(instance, noise, made, zone)
        instance.load(late)
        instance._time += 1000
        covered += count_all(instance, noise, made, zone)
        build_all(instance)
        covered += count_all(instance, noise, made, zone)
        instance.close()
    assert covered or zone == ZONES[3], "rollups have no quarters of an hour"
