"""Merging chunks: each visit once, whatever was there, with what belongs to it, and nothing of it in a dry run."""

import datetime
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from prisme.access import audit
from prisme.base.errors import InputError
from prisme.base.events import Client, Place, Session, Utm
from prisme.imports.chunks import FigureChunk, VisitChunk
from prisme.imports.ids import visit_id
from prisme.imports.items import CUSTOM, DOWNLOAD, OUTBOUND, PAGEVIEW, Figure, Row, Visit
from prisme.operations import import_data
from prisme.operations.context import Context
from prisme.operations.import_data import END, FIGURES, FRAME, VISITS, Arguments, Imported
from prisme.operations.job import Job
from prisme.store.errors import StoreError
from prisme.store.reader import Reader
from prisme.store.schema import EVENT_TABLES
from tests.operations.conftest import START, fill, open_folder

MINUTE = 60_000_000
LOG = Arguments("access-log", "s1", ("access.log",), by="cli:test")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with open_folder(tmp_path / "data") as opened:
        yield opened


def make_visit(number: int, pages: int = 1, *more: Row, at: int = START) -> Visit:
    """A visit with so many pageviews, one a minute, and other rows."""
    entry = at + number * MINUTE
    rows = [Row(PAGEVIEW, entry + page * MINUTE, f"/{page}", 200) for page in range(pages)]
    session = Session(
        visit_id(entry, "test", str(number)), "example.com", entry, "/0", entry + (pages - 1) * MINUTE,
        f"/{pages - 1}", 200, f"prisme_{number:016X}", Client("macOS", "Safari", "Mac", "desktop"), "FR", "direct",
        Utm("news"), pages, len(more), "gclid", Place("Bretagne", "Brest"),
    )  # fmt: skip
    return Visit(session, [*rows, *more])


def frames(*bodies: tuple[bytes, bytes]) -> bytes:
    return b"".join(FRAME.pack(kind, len(body)) + body for kind, body in bodies)


def chunk(visits: Sequence[Visit]) -> tuple[bytes, bytes]:
    made = VisitChunk()
    for visit in visits:
        made.add(visit)
    return VISITS, made.take()


def figure_chunk(figures: Sequence[Figure]) -> tuple[bytes, bytes]:
    made = FigureChunk()
    for figure in figures:
        made.add(figure)
    return FIGURES, made.take()


DONE = (END, b'{"rows":1}')


def run(context: Context, *bodies: tuple[bytes, bytes], arguments: Arguments = LOG) -> Imported:
    sent = frames(*bodies)
    pieces = [sent[at : at + 1000] for at in range(0, len(sent), 1000)]
    return import_data.run(context, arguments, Job(received=lambda: iter(pieces)))


def ask(context: Context, query: str) -> list[tuple[Any, ...]]:
    with Reader(context.database, 30) as reader:
        return reader.ask(query, {})


def read_all(context: Context) -> list[list[tuple[Any, ...]]]:
    return [ask(context, f"SELECT * FROM {table} ORDER BY ALL") for table in ("sessions", *EVENT_TABLES)]


def imports(context: Context) -> list[tuple[Any, ...]]:
    with context.loader.hold() as held:
        query = "SELECT name, ended_at IS NOT NULL, visits, pageviews, events, figures, report FROM state.imports"
        return held.cursor.execute(f"{query} ORDER BY name").fetchall()


def test_everything_of_a_visit_is_stored(context: Context) -> None:
    at = START + 5 * MINUTE
    visit = make_visit(
        0,
        2,
        Row(CUSTOM, at, "/1", name="buy", properties='{"n": 1.10, "ü": "\\u0000"}', visitor="member-1"),
        Row(DOWNLOAD, at, "/1", url="https://f.example/a.zip"),
        Row(OUTBOUND, at, "/1", url="https://o.example/"),
    )
    done = run(context, chunk([visit]), DONE)
    assert (done.name, done.merged.visits, done.merged.pageviews, done.merged.events) == ("access-log-1", 1, 2, 3)
    (row,) = ask(context, "SELECT * EXCLUDE (session_uuid, session_timestamp) FROM sessions")
    moment = datetime.datetime.fromtimestamp(START / 1e6, datetime.UTC).replace(tzinfo=None)
    minute = datetime.timedelta(minutes=1)
    assert row == (
        "example.com", moment, "/0", moment + minute, "/1", 200, "prisme_0000000000000000", True, "macOS", "Safari",
        "Mac", "desktop", "direct", "FR", "Bretagne", "Brest", "news", "", "", "", "", "gclid", 2, 3, "access-log-1",
        False,
    )  # fmt: skip
    assert ask(context, "SELECT timestamp, path, status, visitor_id FROM pageviews ORDER BY ALL") == [
        (moment, "/0", 200, "prisme_0000000000000000"),
        (moment + minute, "/1", 200, "prisme_0000000000000000"),
    ]
    assert ask(context, "SELECT name, properties, visitor_id, is_anon FROM events_custom") == [
        ("buy", '{"n": 1.10, "ü": "\\u0000"}', "member-1", False)
    ]
    assert ask(context, "SELECT url FROM file_downloads") == [("https://f.example/a.zip",)]
    assert ask(context, "SELECT link FROM outbound_link_clicks") == [("https://o.example/",)]
    assert imports(context) == [("access-log-1", True, 1, 2, 3, 0, '{"rows":1}')]
    with context.control.read() as connection:
        (entry,) = audit.read(connection, 10, 0)
    assert (entry.action, entry.subject, entry.actor) == ("data.import", "access-log-1", "cli:test")


def test_the_same_again_adds_nothing(context: Context) -> None:
    visits = [make_visit(number, 1 + number % 3) for number in range(50)]
    run(context, chunk(visits[:30]), chunk(visits[30:]), DONE)
    before = read_all(context)
    done = run(context, chunk(visits), DONE)
    assert (done.name, done.merged.visits, done.merged.known) == ("", 0, 50)
    assert read_all(context) == before
    assert [row[0] for row in imports(context)] == ["access-log-1"]


def test_a_visit_that_comes_twice_in_a_chunk_is_stored_once(context: Context) -> None:
    assert run(context, chunk([make_visit(1), make_visit(1, 2), make_visit(1)]), DONE).merged.pageviews == 2
    assert ask(context, "SELECT pageviews, (SELECT count(*) FROM pageviews) FROM sessions") == [(2, 2)]


def test_a_visit_that_has_grown_is_written_again(context: Context) -> None:
    run(context, chunk([make_visit(1), make_visit(2, 3)]), DONE)
    done = run(context, chunk([make_visit(1, 4), make_visit(2, 2), make_visit(3)]), DONE)
    assert (done.name, done.merged.visits, done.merged.pageviews) == ("access-log-2", 1, 4)
    assert (done.merged.grown, done.merged.known) == (1, 1)
    assert ask(context, "SELECT pageviews, imported FROM sessions ORDER BY entry_timestamp") == [
        (4, "access-log-1"),
        (3, "access-log-1"),
        (1, "access-log-2"),
    ]
    assert ask(context, "SELECT count(*) FROM pageviews") == [(8,)]


def test_what_prisme_saw_itself_is_never_changed(context: Context) -> None:
    fill(context, 20)
    before = read_all(context)
    with context.loader.hold() as held:
        uuids = held.cursor.execute("SELECT CAST(session_uuid AS VARCHAR) FROM sessions").fetchall()
    known = [Visit(replace(make_visit(1, 9).session, uuid=uuid), make_visit(1, 9).rows) for (uuid,) in uuids]
    done = run(context, chunk(known), DONE)
    assert (done.merged.known, done.merged.grown, done.merged.visits) == (20, 0, 0)
    assert read_all(context) == before


def test_a_dry_run_stores_nothing_and_counts_the_same(context: Context) -> None:
    fill(context, 20)
    run(context, chunk([make_visit(999, at=START - 999 * MINUTE)]), DONE, arguments=Arguments("umami", "u", ()))
    before = read_all(context)
    visits = [make_visit(number, 2) for number in range(30)]
    arguments = replace(LOG, dry_run=True)
    found = run(context, chunk(visits), DONE, arguments=arguments)
    assert (found.name, found.merged.visits, found.merged.pageviews) == ("", 30, 60)
    assert found.overlap_days == 1
    assert read_all(context) == before
    assert [row[0] for row in imports(context)] == ["umami-1"]
    with context.control.read() as connection:
        assert [entry.subject for entry in audit.read(connection, 10, 0)] == ["umami-1"]
    assert run(context, chunk(visits), DONE).merged.visits == 30


def test_one_that_was_cut_keeps_what_is_whole_and_goes_on(context: Context) -> None:
    visits = [make_visit(number) for number in range(40)]
    whole = frames(chunk(visits[:10]), chunk(visits[10:20]))
    cut = whole + frames(chunk(visits[20:]))[:-1]
    import_data.run(context, LOG, Job(received=lambda: iter([cut])))
    assert imports(context) == [("access-log-1", False, 20, 20, 0, 0, "{}")]
    other = replace(LOG, source="s2")
    assert run(context, chunk([make_visit(99)]), DONE, arguments=other).name == "access-log-2"
    done = run(context, chunk(visits), DONE)
    assert (done.name, done.merged.visits, done.merged.known) == ("access-log-1", 20, 20)
    assert [row[:3] for row in imports(context)] == [("access-log-1", True, 40), ("access-log-2", True, 1)]


def test_the_end_is_noted_where_nothing_was_left(context: Context) -> None:
    visits = [make_visit(number) for number in range(5)]
    import_data.run(context, LOG, Job(received=lambda: iter([frames(chunk(visits))])))
    run(context, chunk(visits), DONE)
    assert [row[:3] for row in imports(context)] == [("access-log-1", True, 5)]


def test_one_that_is_undone_meanwhile_ends(context: Context) -> None:
    def received() -> Iterator[bytes]:
        yield frames(chunk([make_visit(1)]))
        with context.loader.hold() as held:
            held.cursor.execute("DELETE FROM state.imports")
        yield frames(chunk([make_visit(2)]))

    with pytest.raises(InputError, match="access-log-1 was undone"):
        import_data.run(context, LOG, Job(received=received))
    assert ask(context, "SELECT count(*) FROM sessions") == [(1,)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"of":0,"session":{"uuid":"x"}}\n', id="no uuid"),
        pytest.param(b'{"of":0,"session":{"domain":"a"}}\n', id="parts missing"),
        pytest.param(b"nothing\n", id="no JSON"),
    ],
)
def test_a_chunk_that_is_wrong_changes_nothing(context: Context, body: bytes) -> None:
    with pytest.raises(StoreError, match="cannot take what is imported"):
        run(context, (VISITS, body), DONE)
    assert ask(context, "SELECT count(*) FROM sessions") == [(0,)]
    assert imports(context) == []
    assert run(context, chunk([make_visit(1)]), DONE).merged.visits == 1


def test_figures_are_stored_once_and_replaced_where_they_differ(context: Context) -> None:
    day = datetime.date(2026, 9, 1)
    arguments = Arguments("plausible", "p", ("a.zip",))
    figures = [
        Figure("example.com", day, visitors=10, sessions=12, pageviews=30, bounces=5, seconds=600),
        Figure("example.com", day, "path", "/a", visitors=7, pageviews=20),
        Figure("example.com", day, "event", "buy", visitors=1, events=2),
    ]
    done = run(context, figure_chunk(figures), DONE, arguments=arguments)
    assert (done.name, done.merged.figures) == ("plausible-1", 3)
    stored = "SELECT * FROM imported_figures ORDER BY dimension"
    before = ask(context, stored)
    assert before[0] == ("plausible-1", "example.com", day, "", "", 10, 12, 30, None, 5, 600)
    again = run(context, figure_chunk(figures), DONE, arguments=arguments)
    assert (again.merged.figures, again.merged.known, again.merged.grown) == (0, 3, 0)
    assert ask(context, stored) == before
    later = [replace(figures[0], visitors=11), Figure("example.com", day, "path", "/b", visitors=1)]
    done = run(context, figure_chunk(later), DONE, arguments=replace(arguments, source="q"))
    assert (done.name, done.merged.figures, done.merged.grown) == ("plausible-2", 1, 1)
    assert ask(context, "SELECT imported, visitors FROM imported_figures WHERE dimension = ''") == [("plausible-1", 11)]
    assert ask(context, "SELECT count(*) FROM imported_figures") == [(4,)]
    # Figures of hosts that are one site are one.
    twice = [Figure("example.com", day, "path", "/c", visitors=2), Figure("example.com", day, "path", "/c", visitors=3)]
    for figures_ in (1, 0):
        done = run(context, figure_chunk(twice), DONE, arguments=arguments)
        assert (done.merged.figures, done.merged.grown) == (figures_, 0)
    assert ask(context, "SELECT visitors, pageviews FROM imported_figures WHERE value = '/c'") == [(5, None)]
    # Another program's figures of the same day are others.
    other = run(context, figure_chunk(figures), DONE, arguments=Arguments("matomo", "m", ("b.csv",), dry_run=True))
    assert (other.merged.figures, other.overlap_days) == (3, 1)


def test_cached_figures_of_other_times_and_sites_stay(context: Context) -> None:
    fill(context, 20)
    log = context.database.load_log
    done = log.done
    run(context, chunk([make_visit(1, at=START + 5000 * MINUTE)]), (VISITS, chunk([make_visit(1)])[1]), DONE)
    since = log.since(done)
    assert since is not None
    assert since >= START
    assert log.latest(lambda domain: domain == "site1.example.com") <= done
    assert log.latest(lambda domain: domain == "example.com") > done


def test_many_chunks_in_any_pieces(context: Context) -> None:
    visits = [make_visit(number) for number in range(100)]
    sent = frames(*(chunk(visits[at : at + 7]) for at in range(0, 100, 7)), DONE)
    sizes = itertools.cycle([1, 2, 3, 500, 4, 5000])

    def received() -> Iterator[bytes]:
        at = 0
        while at < len(sent):
            size = next(sizes)
            yield sent[at : at + size]
            at += size

    assert import_data.run(context, LOG, Job(received=received)).merged.visits == 100
    assert ask(context, "SELECT count(*) FROM sessions") == [(100,)]
