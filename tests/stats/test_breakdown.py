"""The rows of lists with all their figures, against the lines of the journal counted in plain Python."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisme.base.errors import InputError
from prisme.base.timexpr import SECOND
from prisme.stats.breakdown import ListQuery, count_rows, query_list
from prisme.stats.cache.incremental import IncrementalCache
from prisme.stats.columns import TOPS
from prisme.stats.figures import compute, read_figure_query
from prisme.stats.frames import Frame
from prisme.stats.list_metrics import LIST_METRICS, Figures, list_metrics
from prisme.stats.queries import Stats
from prisme.stats.selection import Page
from prisme.store.database import Database
from tests.faults.load import LONG
from tests.stats.lines import FIRST, LAST, UTC
from tests.stats.oracle import JOURNAL, TOP_FIELDS, Made, Oracle
from tests.stats.strategies import made_filters, many, read, span_of, spans

EVERYTHING = Page(10_000)
NEEDS = ("visitors", "sessions", "actions", "entries")


def expect_rows(oracle: Oracle, name: str, start: int, end: int) -> dict[str, Figures]:
    """All figures that a list has, by key; the others are 0."""
    kind, key = TOP_FIELDS[name]
    began = oracle.sessions(start, end)
    found: dict[str, list[list[dict[str, Any]]]] = {}

    def put(place: int, rows: Iterable[dict[str, Any]], text: Any) -> None:
        for row in rows:
            found.setdefault(text(row), [[], [], []])[place].append(row)

    if kind == "session":
        put(0, began, key)
        put(1, oracle.rows("pageview", start, end), lambda row: key(JOURNAL.sessions[row["uuid"]]))
        put(2, began, key)
    else:
        put(1, oracle.rows(kind, start, end), key)
    if name == "top-pages":
        put(2, (state for state in began if state["entry_path"] in found), lambda state: state["entry_path"])
    return {
        text: Figures(
            text,
            len({row["visitor"] for row in (owners if kind == "session" else counted)}),
            len({row["uuid"] for row in (owners if kind == "session" else counted)}),
            len(counted),
            len(entered),
            sum(row["pageviews"] <= 1 and not row["events"] for row in entered),
            sum(row["exit"] - row["entry"] for row in entered),
        )
        for text, (owners, counted, entered) in found.items()
        if text
    }


@given(made_filters, spans)
@settings(many, max_examples=100 if LONG else 10)
def test_all_figures_of_all_lists(stats: Stats, made: Made, bounds: tuple[int, int]) -> None:
    start, end = bounds
    lists = [ListQuery(name, "actions", NEEDS, EVERYTHING) for name in TOPS]
    found = count_rows(stats, lists, read(made), span_of(start, end, "day", UTC))
    oracle = Oracle(JOURNAL, made)
    for name in TOPS:
        assert {row.key: row for row in found[name]} == expect_rows(oracle, name, start, end), name


@given(made_filters, st.sampled_from(sorted(LIST_METRICS)), st.integers(1, 8), st.integers(0, 3))
@settings(many, max_examples=100 if LONG else 10)
def test_rows_are_ordered_by_each_metric(stats: Stats, made: Made, metric: str, limit: int, offset: int) -> None:
    names = [name for name in TOPS if metric in list_metrics(name)]
    chosen, oracle = LIST_METRICS[metric], Oracle(JOURNAL, made)
    found = count_rows(
        stats,
        [query_list(name, metric, Page(limit, offset)) for name in names],
        read(made),
        span_of(FIRST, LAST, "day", UTC),
    )
    for name in names:
        rows = expect_rows(oracle, name, FIRST, LAST).values()
        ordered = sorted(rows, key=lambda row: (-getattr(row, chosen.rank), row.key))[offset : offset + limit]
        assert [row.key for row in found[name]] == [row.key for row in ordered]
        assert [chosen.compute(row) for row in found[name]] == pytest.approx([chosen.compute(row) for row in ordered])


def test_rows_of_chosen_keys_are_counted_whatever_their_place(stats: Stats) -> None:
    span = span_of(FIRST, LAST, "day", UTC)
    every = count_rows(stats, [query_list("top-pages", "pageviews", EVERYTHING)], {}, span)["top-pages"]
    last = every[-1]
    query = ListQuery("top-pages", "actions", ("actions",), Page(2), (last.key, "/nowhere"))
    assert count_rows(stats, [query], {}, span)["top-pages"] == [last]


def test_a_span_without_any_moment_has_no_rows(stats: Stats) -> None:
    query = query_list("top-pages", "pageviews", EVERYTHING)
    assert count_rows(stats, [query], {}, span_of(FIRST, FIRST, "day", UTC)) == {"top-pages": []}


def test_durations_are_in_seconds() -> None:
    assert LIST_METRICS["duration"].compute(Figures("/", entries=2, durations=3 * SECOND)) == 1.5
    assert LIST_METRICS["duration"].compute(Figures("/")) is None


@pytest.mark.parametrize("name", TOPS)
def test_the_api_has_the_values_of_a_metric(database: Database, stats: Stats, name: str) -> None:
    oracle = expect_rows(Oracle(JOURNAL, {}), name, FIRST, LAST)
    for metric in list_metrics(name):
        given = {"from": str(FIRST // SECOND), "to": str(LAST // SECOND), "limit": "10000", "metric": metric}
        query = read_figure_query(name, given, LAST)
        frame = compute(name, stats, query, LAST, IncrementalCache(database))
        assert isinstance(frame, Frame)
        values = {key: LIST_METRICS[metric].compute(row) for key, row in oracle.items()}
        has_value = {key: value for key, value in values.items() if getattr(oracle[key], LIST_METRICS[metric].rank)}
        assert dict(zip(frame.keys, frame.values, strict=True)) == pytest.approx(has_value)


@pytest.mark.parametrize(
    ("name", "metric"),
    [("top-statuses", "bounce-rate"), ("top-custom-events", "sessions"), ("top-pages", "visits"), ("top-pages", "Key")],
)
def test_a_metric_that_a_list_has_not_is_refused(name: str, metric: str) -> None:
    with pytest.raises(InputError, match=rf"^metric: '{metric}' is none of {name}, which has [a-z, -]+, such as "):
        read_figure_query(name, {"metric": metric}, LAST)
    with pytest.raises(InputError, match=r"^metric: no such parameter"):
        read_figure_query("visitors", {"metric": "sessions"}, LAST)
