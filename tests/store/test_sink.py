"""A loader with a sink: what it sends, when, and what becomes of its own file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from prisme.journal.record import CustomLine, DownloadLine, OutboundLine, PageviewLine
from prisme.journal.segment import Segment
from prisme.store.errors import StoreError
from prisme.store.loader import KNOWN, Loaded, Loader
from prisme.store.schema import TABLES
from prisme.store.sink import SinkDownError
from tests.store.segments import MOST_OPEN, NOW, Store, session


class Recorder:
    """A sink that notes which segments it gets, with their lines, and may fail."""

    def __init__(self) -> None:
        self.sent: list[dict[int, int]] = []
        self.failure: Exception | None = None
        self.rows_before: int | None = None

    def send(self, cursor: duckdb.DuckDBPyConnection, segments: Sequence[Segment]) -> None:
        lines = dict(cursor.execute("SELECT segment, count(*) FROM line GROUP BY segment").fetchall())
        self.sent.append({segment.number: lines.get(segment.number, 0) for segment in segments})
        ((self.rows_before,),) = cursor.execute("SELECT count(*) FROM pageviews").fetchall()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


@pytest.fixture
def shipping(tmp_path: Path, sink: Recorder) -> Iterator[Store]:
    store = Store(tmp_path)
    store.loader.close()
    store.loader = Loader(store.database, MOST_OPEN, sink=sink)
    yield store
    store.close()


def count_rows(store: Store) -> dict[str, object]:
    return {table: store.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def test_a_segment_is_sent_before_it_is_stored_here(shipping: Store, sink: Recorder) -> None:
    shipping.load(1, PageviewLine(1, session(1)), PageviewLine(2, session(2)))
    assert sink.sent == [{1: 2}]
    assert sink.rows_before == 0
    assert shipping.rows("SELECT count(*) FROM pageviews") == [(2,)]


def test_what_is_stored_here_is_not_sent_again(shipping: Store, sink: Recorder) -> None:
    shipping.load(1, PageviewLine(1, session(1)))
    assert shipping.load(1, PageviewLine(1, session(1))) == KNOWN
    assert len(sink.sent) == 1


@pytest.mark.parametrize("failure", [StoreError("refused"), SinkDownError("away"), OSError("disk"), duckdb.Error("x")])
def test_a_segment_that_cannot_be_sent_stays(shipping: Store, sink: Recorder, failure: Exception) -> None:
    segment = shipping.segment(1, PageviewLine(1, session(1)))
    sink.failure = failure
    with pytest.raises(type(failure)):
        shipping.loader.load(segment, NOW)
    assert segment.path.exists()
    assert set(count_rows(shipping).values()) == {0}
    assert shipping.rows("SELECT count(*) FROM state.segments") == [(0,)]
    sink.failure = None
    assert shipping.loader.load(segment, NOW) == Loaded({"pageview": 1})
    assert not segment.path.exists()


def test_a_batch_is_sent_as_one_and_then_each_by_itself(shipping: Store, sink: Recorder) -> None:
    segments = [shipping.segment(number, PageviewLine(number, session(number))) for number in (1, 2)]
    sink.failure = StoreError("refused")
    assert [str(found) for found in shipping.loader.load_batch(segments, NOW)] == ["refused"] * 2
    assert sink.sent == [{1: 1, 2: 1}, {1: 1}, {2: 1}]


def test_where_nobody_answers_a_batch_is_tried_once(shipping: Store, sink: Recorder) -> None:
    """Each try may take the time of a timeout."""
    segments = [shipping.segment(number, PageviewLine(number, session(number))) for number in range(1, 100)]
    sink.failure = SinkDownError("away")
    assert shipping.loader.load_batch(segments, NOW) == [sink.failure] * 99
    assert len(sink.sent) == 1


def test_rows_of_visits_that_are_over_are_deleted(shipping: Store) -> None:
    over = session(1).act(NOW + 2).act(NOW + 3).act(NOW + 4)
    going_on = session(5).view("/2", NOW + 100, 200, "v")
    shipping.load(
        1,
        PageviewLine(1, session(1)),
        CustomLine(1, over, "/", "name", "{}"),
        DownloadLine(1, over, "/", "https://x.example/a"),
        OutboundLine(1, over, "/", "https://x.example/b"),
        PageviewLine(5, session(5)),
        PageviewLine(5, going_on),
    )
    shipping.loader.expire(NOW + 50, 0)
    assert count_rows(shipping) == {"sessions": 1, "pageviews": 2} | dict.fromkeys(TABLES[2:], 0)
    assert [one for _, one in shipping.open()] == [going_on]
    later = going_on.view("/3", NOW + 200, 200, "v")
    shipping.load(2, PageviewLine(5, later))
    assert shipping.open() == [(5, later)]
    shipping.loader.expire(0, NOW + 5)  # it began too long ago
    assert set(count_rows(shipping).values()) == {0}
    assert shipping.open() == []


def test_without_a_sink_only_devices_are_deleted(store: Store) -> None:
    store.load(1, PageviewLine(1, session(1)))
    store.loader.expire(NOW + 50, 0)
    assert store.open() == []
    assert count_rows(store) == {"sessions": 1, "pageviews": 1} | dict.fromkeys(TABLES[2:], 0)


def test_the_file_stays_small(shipping: Store, tmp_path: Path) -> None:
    """DuckDB uses the space of deleted rows again: as much as the visits of a while take is enough for ever."""
    sizes = []
    for number in range(1, 61):
        lines = [PageviewLine(one, session(number * 1000 + one)) for one in range(400)]
        shipping.load(number, *lines)
        if number % 5 == 0:
            shipping.loader.expire(NOW + (number - 2) * 1000, 0)
            shipping.loader.tidy()
            sizes.append((tmp_path / "prisme.duckdb").stat().st_size)
    assert shipping.rows("SELECT count(*) FROM sessions")[0][0] in range(400, 1201)
    assert max(sizes[6:]) <= max(sizes[:6]) + 2**20, sizes
