"""The reader of ClickHouse: parameters of any text, its deadline, and what it says when the server fails."""

import datetime
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prisme.runtime.cancellation import Cancellation
from prisme.stats.cache.whole_spans import WholeSpans
from prisme.stats.queries import Stats
from prisme.stats.selection import Span
from prisme.store.clickhouse.client import Client
from prisme.store.clickhouse.errors import ServerError
from prisme.store.clickhouse.migrations import migrate
from prisme.store.clickhouse.reader import ClickHouseReader
from prisme.store.clickhouse.readers import Readers
from prisme.store.clickhouse.tables import Place
from prisme.store.errors import DiskError, FullError, LateError, LostError, StoppedError
from tests.clickhouse.engine import Engine
from tests.clickhouse.proxy import Fault, Proxy
from tests.faults.load import LONG
from tests.stats.lines import FIRST

# Takes minutes.
SLOW = "SELECT max(sipHash64(one.number, other.number)) FROM numbers(1000000) AS one, numbers(1000000) AS other"
PLACE = Place("reader")
MARK = "INSERT INTO reader.segments (node, number, events, rejected) VALUES ('one', {number}, 1, 0)"


@pytest.fixture(scope="module")
def readers(clickhouse: Client) -> Iterator[Readers]:
    migrate(clickhouse, PLACE)
    yield Readers(clickhouse, PLACE)
    clickhouse.execute(f"DROP DATABASE {PLACE.database}")


@pytest.fixture(scope="module", autouse=True)
def no_tables_in_memory() -> None:
    """Nothing here asks for a cache."""


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8")) | st.text("a\\'\"\t\n\r\0`{}:$%_,[]NULn()é😀", max_size=12)


@given(texts(), st.lists(texts(), max_size=4), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4))
@example("\\N", ["\\N", "NULL", ""], [0])
@example("'); DROP TABLE sessions --", ["']", "\\'"], [-1])
@settings(max_examples=300 if LONG else 60, deadline=None)
def test_parameters_are_what_was_passed(
    reader: ClickHouseReader, text: str, many: list[str], numbers: list[int]
) -> None:
    given = {"text": text, "many": many, "numbers": numbers, "one": numbers[0], "yes": True}
    query = "SELECT $text, $many, $numbers, $one, $yes, length($text), arrayMap(x -> length(x), $many)"
    expected = (text, many, numbers, numbers[0], True, len(text.encode()), [len(one.encode()) for one in many])
    assert reader.ask(query, given) == [expected]


def test_values_are_those_of_python(reader: ClickHouseReader) -> None:
    day = datetime.date(1969, 12, 31)
    ((count, text, number, nothing, found),) = reader.ask(
        "SELECT count(*), max($a), avg(0.5), max(NULL), max($day) FROM numbers(3)", {"a": "x", "day": day}
    )
    assert (count, text, number, nothing, found) == (3, "x", 0.5, None, day)
    assert type(count) is int
    with pytest.raises(TypeError, match=r"^bytes is no type"):
        reader.ask("SELECT $a", {"a": b"x"})


def test_a_query_ends_at_its_deadline(readers: Readers) -> None:
    with ClickHouseReader(readers, 0.5) as reader:
        assert reader.ask("SELECT $n", {"n": 1}) == [(1,)]
        began = time.monotonic()
        with pytest.raises(LateError, match=r"^the answer took over 0\.5 s: "):
            reader.ask(SLOW, {})
        assert time.monotonic() - began < 3
        with pytest.raises(LateError):  # nor does it start another query
            reader.ask("SELECT 1", {})
        with pytest.raises(LateError):
            reader.check()
    with ClickHouseReader(readers, 60) as reader:
        assert reader.ask("SELECT 1", {}) == [(1,)]


def test_a_deadline_counts_from_when_the_request_came(readers: Readers) -> None:
    with pytest.raises(LateError), ClickHouseReader(readers, 5, time.monotonic() - 6):
        pass


@pytest.mark.parametrize("stops", [False, True])
def test_a_query_ends_when_it_is_cancelled(clickhouse: Client, readers: Readers, stops: bool) -> None:
    own, cancellation = Readers(clickhouse, PLACE), Cancellation()
    with ClickHouseReader(own, 10, cancellation=cancellation) as reader:
        began = time.monotonic()
        timer = threading.Timer(0.3, own.stopping.cancel if stops else cancellation.cancel)
        timer.start()
        with pytest.raises(StoppedError if stops else LateError):
            reader.ask(SLOW, {})
        assert time.monotonic() - began < 5
        timer.join()


def test_too_little_memory_is_said(readers: Readers) -> None:
    with ClickHouseReader(readers, 60) as reader, pytest.raises(FullError, match=r"(?i)memory"):
        reader.ask("SELECT length(groupArray(number)) FROM numbers(100000000)", {}, {"max_memory_usage": 10_000_000})


def test_a_query_that_is_wrong_is_no_failure_of_the_server(reader: ClickHouseReader) -> None:
    with pytest.raises(ServerError, match="nowhere"):
        reader.ask("SELECT nowhere", {})


def test_nothing_can_be_changed(reader: ClickHouseReader) -> None:
    with pytest.raises(ServerError, match=r"(?i)readonly"):
        reader.ask("ALTER TABLE segments DELETE WHERE true", {})


@pytest.mark.parametrize(("kind", "error"), [("full", DiskError), ("cut", LostError), ("lost", LostError)])
def test_a_failing_server_is_told_from_a_slow_one(
    engine: Engine, readers: Readers, kind: str, error: type[Exception]
) -> None:
    with Proxy(engine.endpoint) as proxy:
        client = proxy.client()
        with ClickHouseReader(Readers(client, PLACE), 60) as reader:
            proxy.plan = lambda statement: Fault(kind) if "SELECT 42" in statement else None  # type: ignore[arg-type]
            with pytest.raises(error):
                reader.ask("SELECT 42", {})
            proxy.plan = lambda _: None
            assert reader.ask("SELECT 42", {}) == [(42,)]
        client.close()


def test_a_server_that_is_killed_is_lost(tmp_path: Path) -> None:
    with Engine(tmp_path / "data") as own:
        client = own.client()
        migrate(client, PLACE)
        with ClickHouseReader(Readers(client, PLACE), 60) as reader:
            threading.Timer(0.3, own.kill).start()
            with pytest.raises(LostError):
                reader.ask(SLOW, {})
            with pytest.raises(LostError):
                reader.ask("SELECT 1", {})
        client.close()


def test_what_was_counted_holds_until_a_segment_comes(clickhouse: Client, readers: Readers) -> None:
    own, span = Readers(clickhouse, PLACE), Span(FIRST, FIRST + 1, [])
    cache, counted = WholeSpans(own.load_log), list[Span]()

    def count_anew() -> int:
        counted.append(span)
        return len(counted)

    def count() -> int:
        with ClickHouseReader(own, 60) as reader:
            return cache.spans.find(Stats(reader, None), "what", {}, span, count_anew)

    for number in range(1, 4):
        clickhouse.execute(MARK.format(number=number))
        assert [count(), count()] == [number, number]
    own.note_change()
    assert count() == 4


def test_loads_are_numbered_as_they_are_noticed(clickhouse: Client, readers: Readers) -> None:
    own = Readers(clickhouse, PLACE)
    seen = []
    for number in (100, 101):
        clickhouse.execute(MARK.format(number=number))
        for _ in range(2):
            with ClickHouseReader(own, 60) as reader:
                seen.append(reader.loads)
    assert seen == [1, 1, 2, 2]
    assert own.load_log.since(1) == 0
