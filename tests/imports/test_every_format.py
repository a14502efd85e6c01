"""Files of every format: found, imported twice and undone, while events come in and nothing else changes."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prisme.cli.main import main
from prisme.imports.formats import NAMES
from tests.faults.load import STORED, Load, check_visits
from tests.imports.figures import test_ga4 as ga4
from tests.imports.figures import test_matomo as matomo
from tests.imports.figures import test_plausible as plausible
from tests.imports.figures.reading import make_zip
from tests.imports.log_lines import text
from tests.imports.logs import test_w3c as w3c
from tests.imports.own import dumps
from tests.imports.peers import test_goatcounter as goatcounter
from tests.imports.peers import test_liwan as liwan
from tests.imports.peers import test_medama as medama
from tests.imports.peers import test_umami as umami
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.server import LiveServer, browser, open_tables, wait_until

LOGS = Path(__file__).parent / "data" / "logs"
EVENTS = ("sessions", "pageviews", "events_custom", "file_downloads", "outbound_link_clicks")
TABLES = (*EVENTS, "imported_figures", "state.imports")
# What a report says of new rows: visits, pageviews, events, figures.
Counts = tuple[int, int, int, int]


class Case(NamedTuple):
    """A maker of files in a folder, the flags that they need, and what they have."""

    format: str
    make: Callable[[Path], list[Path]]
    flags: tuple[str, ...]
    counts: Counts


def write(name: str, content: str | bytes) -> Callable[[Path], list[Path]]:
    """Makes one file."""

    def make(folder: Path) -> list[Path]:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return [folder / name]

    return make


def copy(name: str) -> Callable[[Path], list[Path]]:
    """Makes one log that a real server wrote."""
    return lambda folder: [Path(shutil.copy(LOGS / name, folder))]


def export_prisme(folder: Path) -> list[Path]:
    """Three visits with five rows each, and a figure."""
    with open_folder(folder / "other") as context:
        add_import(context, "matomo-1", 3, [("example.com", "2023-11-14", "path", "/in")])
    assert main(["export", str(folder / "out"), "--data-dir", str(folder / "other"), "--quiet"]) == 0
    return [folder / "out"]


def dump_go(folder: Path) -> list[Path]:
    """The visit of which all rows are there."""
    rows = {
        table: [row for row in found if row["session_uuid"] == dumps.FIRST] for table, found in dumps.TABLES.items()
    }
    return dumps.write_json(folder / "dumps", rows)


def write_umami(folder: Path) -> list[Path]:
    """The two files of its cloud's export."""
    return [*write("website_event.csv", umami.CLOUD)(folder), *write("event_data.csv", umami.DATA)(folder)]


SITE = ("--site", "example.com")
PLAUSIBLE = make_zip(
    {"imported_visitors_20260801_20260802.csv": plausible.VISITORS, "imported_pages_20260801.csv": plausible.PAGES}
)
GA4 = ga4.explore("Date,Active users,Sessions,Views", "20260801,1,1,1", "20260802,11,12,30")
CASES = {
    "prisme": Case("prisme", export_prisme, (), (3, 6, 9, 1)),
    "prisme-go": Case("prisme-go", dump_go, (), (1, 2, 3, 0)),
    "goatcounter": Case("goatcounter", write("export.csv", goatcounter.EXPORT), SITE, (3, 3, 1, 0)),
    "umami": Case("umami", write_umami, (), (2, 3, 1, 0)),
    "plausible": Case("plausible", write("example_com_20260901.zip", PLAUSIBLE), SITE, (0, 0, 0, 4)),
    "matomo": Case("matomo", write("VisitsSummary.get.csv", matomo.SUMMARY), SITE, (0, 0, 0, 2)),
    "ga4": Case("ga4", write("download.csv", GA4), SITE, (0, 0, 0, 2)),
    "medama": Case("medama", lambda folder: [medama.make(folder / "analytics.db", medama.ROWS)], (), (3, 5, 0, 0)),
    "liwan": Case("liwan", lambda folder: [liwan.make(folder / "liwan-events.duckdb")], (), (3, 3, 1, 0)),
    "nginx": Case("access-log", write("access.log", text(range(6))), SITE, (3, 6, 0, 0)),
    "Caddy": Case("access-log", copy("caddy-2.11.log"), (), (1, 1, 0, 0)),
    "HAProxy": Case(
        "access-log", copy("haproxy-captures.log"), (*SITE, "--time-zone", "America/St_Johns"), (8, 17, 0, 0)
    ),
    "IIS": Case("access-log", write("u_ex261128.log", w3c.IIS), SITE, (1, 1, 0, 0)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """With a pageview of its own, and an import of visits and figures of the days that the others have."""
    folder = tmp_path_factory.mktemp("live") / "data"
    figures = [("example.com", f"2026-08-0{day}", "path", "/in") for day in (1, 2)]
    with open_folder(folder) as context:
        for number, name in enumerate(NAMES):
            add_import(
                context, f"{name}-1", 2, figures if not number else (), start=1_774_746_000_000_000 + number * 1_000_000
            )
    with LiveServer(folder, trust_proxy="true", eventstore_max_batch_timeout="200ms") as live:
        assert live.http.post("/api/v1/events/pageviews", headers=browser("https://example.com/own")).is_success
        live.settle()
        yield live


def run(server: LiveServer, *words: object) -> None:
    assert main(["import", *map(str, words), "--data-dir", str(server.folder)]) == 0


def stored(server: LiveServer, name: str = "") -> dict[str, list[Any]]:
    """All rows of all tables but those of the live events: of one import, or all of them."""
    found = {}
    with open_tables(server.config) as tables:
        for table in TABLES:
            path = "entry_path" if table == "sessions" else "path"
            query = f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {table}"
            if table in EVENTS:
                query += f" WHERE {path} NOT LIKE '/live-%'"
            if name and table in EVENTS:
                query += f" AND session_uuid IN (SELECT session_uuid FROM sessions WHERE imported = '{name}')"
            elif name:
                query += f" WHERE {'name' if table == 'state.imports' else 'imported'} = '{name}'"
            found[table] = tables.execute(f"{query} ORDER BY ALL").fetchall()
    return found


def count_stored(found: dict[str, list[Any]]) -> Counts:
    events = sum(len(found[table]) for table in EVENTS[2:])
    return len(found["sessions"]), len(found["pageviews"]), events, len(found["imported_figures"])


def counts(report: dict[str, Any]) -> Counts:
    return report["visits"], report["pageviews"], report["events"], report["figures"]


@pytest.mark.parametrize("name", CASES)
def test_it_is_found_imported_twice_and_undone_among_live_events(
    server: LiveServer, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def report(*words: object) -> dict[str, Any]:
        capsys.readouterr()
        run(server, *words, *case.flags, "--json")
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    case = CASES[name]
    files = case.make(tmp_path)
    number = list(CASES).index(name)
    before = stored(server)
    load = Load(server.port, f"live-{number}", pause=0.2, network=number)
    try:
        found = report("auto", *files, "--dry-run")
        assert (found["format"], found["name"], counts(found)) == (case.format, None, case.counts)
        assert stored(server) == before
        first = report(case.format, *files, "--yes")
        assert (first["format"], counts(first), first["already_there"]) == (case.format, case.counts, 0)
        after = stored(server)
        assert count_stored(stored(server, first["name"])) == case.counts
        again = report(case.format, *files, "--yes")
        assert (again["name"], counts(again)) == (None, (0, 0, 0, 0))
        assert stored(server) == after
        seen = len(load.answered)
        wait_until(lambda: len(load.answered) > seen, "events after the import")
        run(server, "undo", first["name"], "--yes", "--quiet")
        assert stored(server) == before
    finally:
        load.stop()
    assert (load.refused, load.unexpected) == (0, [])
    pages = [path for (path,) in server.rows(STORED) if path.startswith(f"/live-{number}-")]
    assert sorted(pages) == sorted(load.answered)
    assert server.rows("SELECT count(*) FROM sessions WHERE entry_path LIKE '/live-%' AND imported <> ''") == [(0,)]
    check_visits(server)


def test_no_format_is_missing() -> None:
    assert {case.format for case in CASES.values()} == set(NAMES)
