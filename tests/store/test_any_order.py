"""Segments in any order, and more than once: the tables are the same."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prisme.base.refusal import Refusal
from prisme.ingest.action import Action
from prisme.ingest.batch import Recorder
from prisme.ingest.custom import custom_event
from prisme.ingest.hit import Hit
from prisme.ingest.links import read_file_download
from prisme.ingest.pageview import Pageview
from prisme.ingest.services import Services
from prisme.journal.appender import Appender
from prisme.journal.segment import Segment, segment_path
from prisme.runtime.folder import Folder
from prisme.store.connection import Limits
from prisme.store.database import Database
from prisme.store.loader import Loader
from prisme.visit import address
from prisme.visit.salts import DAY
from prisme.visit.sessions import Sessions
from prisme.wiring.recording import build_services, build_sites, open_stores
from tests.faults.load import LONG
from tests.server import CHROME, config_for

# A minute before midnight: devices are hashed anew while their visits go on.
START = 20_600 * DAY - 60_000_000
TABLES = ("sessions", "pageviews", "events_custom", "file_downloads", "outbound_link_clicks", "state.open_sessions")
SITE = "https://example.com"


class Step(NamedTuple):
    """What one of some visitors does, and how long after the one before (microseconds)."""

    visitor: int
    kind: str
    page: str
    referrer: str
    pause: int


PAGES = ("/", "/a", "/b?utm_source=news")
STEPS = st.builds(
    Step,
    st.integers(0, 1),
    st.sampled_from(("pageview", "pageview", "custom", "download")),
    st.sampled_from(PAGES),
    st.sampled_from(("", "https://www.google.com/", SITE + "/a", "https://checkout.stripe.com/")),
    st.sampled_from((0, 1_000, 20_000_000, 40 * 60_000_000)),
)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """All that the rules need; each example has visits and a journal of its own."""
    config = config_for(tmp_path_factory.mktemp("rules") / "data", 1)
    with ExitStack() as closing:
        folder = closing.enter_context(Folder(config.data_dir))
        stores = open_stores(config, folder, START, logging.getLogger(), closing)
        yield build_services(config, stores, Appender(folder.journal, 1, 1_000_000))


def write_lines(services: Services, folder: Path, steps: list[Step]) -> list[bytes]:
    """The journal's lines of these steps, by the real rules."""
    journal = Appender(folder, 0, 1_000_000)
    own = msgspec.structs.replace(services, journal=journal, sessions=Sessions(30 * 60_000_000, 2))
    record, sites, now = Recorder(own).record, build_sites(config_for(folder, 1)), START
    for step in steps:
        now += step.pause
        page = sites.pages[(SITE + step.page).encode()]
        assert not isinstance(page, Refusal)
        hit = Hit(address.parse(f"198.51.100.{step.visitor}"), page, CHROME.encode(), (b"", b"", b""))
        event: Pageview | Action | Refusal
        match step.kind:
            case "pageview":
                referrer = sites.referrers[step.referrer.encode()]
                assert not isinstance(referrer, Refusal)
                event = Pageview(hit, referrer, 200, "")
            case "custom":
                event = custom_event(hit, "name", '{"a":1}')
            case _:
                event = read_file_download(hit, b"https://example.com/a.pdf")
        assert not isinstance(event, Refusal)
        assert record([event], now) == [None]
    asyncio.run(journal.close())
    return segment_path(folder, 0).read_bytes().splitlines(keepends=True)


def load(folder: Path, segments: list[tuple[int, bytes]]) -> dict[str, list[str]]:
    """The tables after these segments, in this order."""
    database = Database(folder / "prisme.duckdb", Limits(256 * 2**20, 1), folder / "tmp")
    loader = Loader(database, 1_000)
    (folder / "journal").mkdir()
    for number, lines in segments:
        path = segment_path(folder / "journal", number)
        path.write_bytes(lines)
        loader.load(Segment(number, path), START)
    with database.cursor() as cursor:
        found = {table: sorted(map(repr, cursor.execute(f"FROM {table}").fetchall())) for table in TABLES}
    loader.close()
    database.close()
    return found


@settings(max_examples=100 if LONG else 4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=12), st.integers(0, 2**32))
def test_any_order_and_repetition_of_segments_gives_the_same_tables(
    services: Services, steps: list[Step], seed: int
) -> None:
    random = Random(seed)
    with TemporaryDirectory() as name:
        root = Path(name)
        for part in ("lines", "in order", "shuffled"):
            (root / part).mkdir()
        lines = write_lines(services, root / "lines", steps)
        assert len(lines) == len(steps)
        cuts = sorted(random.sample(range(1, len(lines)), random.randrange(len(lines)))) if len(lines) > 1 else []
        edges = [0, *cuts, len(lines)]
        segments = [(n + 1, b"".join(lines[edges[n] : edges[n + 1]])) for n in range(len(edges) - 1)]
        shuffled = [*segments, *random.choices(segments, k=2)]
        random.shuffle(shuffled)
        in_order = load(root / "in order", segments)
        assert load(root / "shuffled", shuffled) == in_order
        assert len(in_order["sessions"]) >= 1
        assert sum(len(in_order[table]) for table in TABLES[1:5]) == len(steps)
