"""The rows of lists from the cache while further segments are loaded: always equal to those counted anew."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.base.timexpr import floor
from prisme.stats.breakdown import ListQuery, count_rows, query_list
from prisme.stats.cache import row_cache
from prisme.stats.columns import TOPS
from prisme.stats.list_metrics import Figures, choose_metric
from prisme.stats.queries import Stats
from prisme.stats.selection import Page, Selection
from prisme.store.reader import Reader
from tests.faults.load import LONG
from tests.stats.lines import DAY, DOMAINS, FIRST, HOUR, UTC, make_lines
from tests.stats.oracle import Made
from tests.stats.strategies import made_filters
from tests.stats.test_incremental import Instance, domain_of, select, when

PAGE = Page()
METRICS = ("visitors", "sessions", "pageviews", "views-per-session", "bounce-rate")


def count(
    instance: Instance, lists: list[ListQuery], selection: Selection, domains: list[str] | None = None
) -> tuple[dict[str, list[Figures]], bool]:
    """Return the rows, checked against those counted anew; and whether a part of them was cached before."""
    rows, before = instance.cache.rows, instance.cache.rows.hits
    with Reader(instance.database, 3600.0) as reader:
        stats = Stats(reader, domains)
        found = rows.count(stats, lists, selection, selection.span.end)
        assert found == count_rows(stats, lists, selection.filters, selection.span)
    return found, rows.hits > before


def ask(metric: str, page: Page = PAGE) -> list[ListQuery]:
    return [query_list(name, choose_metric(name, metric), page) for name in TOPS]


@given(
    st.integers(0, 1 << 32),
    made_filters,
    st.sampled_from([None, DOMAINS[:1]]),
    st.sampled_from([1, 1_000_000]),
    st.sampled_from(METRICS),
)
@settings(max_examples=30 if LONG else 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_are_those_counted_anew(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    made: Made,
    domains: list[str] | None,
    worth_moving: int,
    metric: str,
) -> None:
    noise, cached, counted = random.Random(seed), 0, 0
    names = {"top-pages", *noise.sample(sorted(TOPS), 5)}
    lines = sorted(make_lines(seed, 120), key=when)
    cuts = sorted(noise.sample(range(1, len(lines)), 6))
    segments = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    if noise.random() < 0.5:
        segments = [[line for line in one if domain_of(line) == domain] for one in segments for domain in DOMAINS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_cache, "_WORTH_MOVING", worth_moving)
        instance = Instance(tmp_path_factory.mktemp("rows"), patch)
        start = floor(FIRST - DAY, "d", UTC)
        for segment in segments:
            instance.load(segment)
            latest = max(map(when, segment), default=FIRST)
            end = noise.choice([latest + noise.randrange(1, 3 * HOUR), latest - noise.randrange(10 * DAY)])
            selection = select(start, max(end, start + 1), "day", made)
            lists = [one for one in ask(metric, Page(noise.randrange(1, 12), noise.randrange(4))) if one.name in names]
            found, was_cached = count(instance, lists, selection, domains)
            cached, counted = cached + was_cached, counted + 1
            keys = {name: (*(row.key for row in rows), "/nowhere") for name, rows in found.items()}
            chosen = [msgspec.structs.replace(one, page=Page(100), keys=keys[one.name]) for one in lists]
            later = select(start, selection.span.end + noise.randrange(1, HOUR), "day", made)
            for one in (selection, later):
                count(instance, chosen, one, domains)
        instance.close()
    assert cached > counted / 4


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    instance = Instance(tmp_path, monkeypatch)
    instance.load(sorted(make_lines(6, 60), key=when))
    instance._time += 1000  # so that no load is recent, and all is cached
    yield instance
    instance.close()


def test_lists_with_too_many_keys_are_counted_anew(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_cache, "_MOST_ROWS", 5)
    selection = select(FIRST, FIRST + 50 * DAY)
    with_rows, _ = count(instance, ask("visitors"), selection)
    assert len(with_rows["top-pages"]) > 1
    (entry,) = [entry for entry, _ in instance.cache.rows._entries._entries.values()]
    assert (entry.rows, entry.later) == (None, None)
    count(instance, ask("visitors"), selection)


def test_rows_of_a_load_that_changes_the_past_are_counted_anew(instance: Instance) -> None:
    selection = select(FIRST, FIRST + 50 * DAY)
    before, _ = count(instance, ask("visitors", Page(100)), selection)
    assert count(instance, ask("visitors", Page(100)), selection)[1]
    instance.load(sorted(make_lines(7, 20), key=when))
    after, was_cached = count(instance, ask("visitors", Page(100)), selection)
    assert not was_cached
    assert before != after


def test_rows_take_so_much_memory_at_most(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = instance.cache.rows
    count(instance, ask("visitors"), select(FIRST, FIRST + 50 * DAY))
    (size,) = [size for _, size in rows._entries._entries.values()]
    monkeypatch.setattr(rows._entries, "max_bytes", size * 3 // 2)
    for days in range(1, 5):
        count(instance, ask("visitors"), select(FIRST + days * DAY, FIRST + 50 * DAY))
        assert rows._entries._bytes <= size * 3 // 2
    assert rows._entries._entries
