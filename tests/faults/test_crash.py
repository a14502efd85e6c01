"""Whatever dies when: what was answered is stored exactly once, and visitors go on where they were."""

import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import BATCH, CUSTOM, HOME, LONG, PAGEVIEWS, STORED, Load, Report, check_visits, count
from tests.process import Process, copy_data
from tests.server import browser, wait_until

KILLS = 34 if LONG else 6


def kill_somewhere(server: Process, dice: random.Random) -> None:
    """Kill the server: mostly in the middle of its work, sometimes while it stops or starts."""
    moment = dice.random()
    if moment < 0.6:
        time.sleep(dice.uniform(0.0, 0.8))
    else:
        time.sleep(dice.uniform(0.1, 0.4))
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        time.sleep(dice.uniform(0.0, 0.25))  # drains, loads the last segment, checkpoints
    server.kill()
    if moment < 0.2:
        server.start(ready=False)
        time.sleep(dice.uniform(0.2, 1.0))  # opens, replays the write-ahead log, loads what was left
        server.kill()


def live_on(server: Process, life: int) -> None:
    """One visitor lives through it all with two visits, each of which goes on from a page that it was on before."""
    for visit, before in (("life", 1 + life % 4), ("other", 1)):
        referrer = f"{HOME}/{visit}-{max(life - before, 0)}"
        if not life:
            referrer = "https://search.example/" if visit == "other" else ""
        headers = browser(f"{HOME}/{visit}-{life}", X_Prisme_Document_Referrer=referrer)
        assert server.http.post(PAGEVIEWS, headers=headers).status_code == 200
    assert server.http.post(f"{CUSTOM}/alive-{life}", headers=browser(f"{HOME}/life-{life}")).status_code == 200


def check_killed(server: Process, copy: Path) -> None:
    """The tables are sound at every moment: in a copy, so that the next start finds all as the kill left it."""
    copy.mkdir()
    for path in server.folder.glob("prisme.duckdb*"):
        shutil.copy(path, copy)
    check_visits(Process(copy))
    shutil.rmtree(copy)


# For a killed process, what is written is as good as synced: one way is enough, but for the long version.
@pytest.mark.parametrize("fsync", ["interval", "always", "never"] if LONG else ["interval"])
def test_nothing_answered_is_lost_or_stored_twice(tmp_path: Path, fsync: str, report: Report) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    loads: list[Load] = []
    slowest = 0.0
    with Process(
        tmp_path / "data", trust_proxy="true", eventstore_max_batch_timeout="20ms", eventstore_fsync=fsync
    ) as server:
        for life in range(KILLS):
            begun = time.monotonic()
            server.start()
            slowest = max(slowest, time.monotonic() - begun)
            live_on(server, life)
            present = [Load(server.port, f"{life}-{number}") for number in range(2)]
            kill_somewhere(server, dice)
            for load in present:
                load.join()
            loads += present
            check_killed(server, tmp_path / "copy")
        server.start()
        assert server.stop() == 0

        outcome = count(server, loads)
        report("`kill -9`", KILLS, outcome, slowest)
        assert outcome.accepted > KILLS * BATCH, "too few to mean anything"
        assert sum(load.refused for load in loads) == 0
        columns = "pageviews, events, entry_path, exit_path, referrer_domain"
        query = f"SELECT {columns} FROM sessions WHERE entry_path[:6] IN ('/life-', '/other') ORDER BY entry_path"
        assert server.rows(query) == [
            (KILLS, KILLS, "/life-0", f"/life-{KILLS - 1}", "direct"),
            (KILLS, 0, "/other-0", f"/other-{KILLS - 1}", "search.example"),
        ]
        assert not list((tmp_path / "data" / "journal").iterdir())


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server killed with two answered pageviews in its journal and none in its tables."""
    with Process(tmp_path_factory.mktemp("killed") / "data", eventstore_max_batch_timeout="1m") as server:
        server.start()
        for step, referrer in enumerate(("", f"{HOME}/0")):
            headers = browser(f"{HOME}/{step}", X_Prisme_Document_Referrer=referrer)
            assert server.http.post(PAGEVIEWS, headers=headers).status_code == 200
        server.kill()
        return server.folder


@pytest.fixture
def crashed(killed: Path, tmp_path: Path) -> Iterator[Process]:
    """The server of a copy of that folder, which has not started."""
    with Process(copy_data(killed, tmp_path / "data"), eventstore_max_batch_timeout="1m") as server:
        yield server


def segments(server: Process) -> list[Path]:
    return sorted((server.folder / "journal").iterdir())


def test_torn_last_line_is_dropped_and_told(crashed: Process) -> None:
    (segment,) = segments(crashed)
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole.splitlines()[0][:-20])
    crashed.start()
    assert crashed.stop() == 0
    assert crashed.rows("SELECT path FROM pageviews ORDER BY path") == [("/0",), ("/1",)]
    assert crashed.rows("SELECT events, rejected FROM state.segments") == [(2, 1)]
    assert segments(crashed) == []


def test_damaged_line_is_kept_aside(crashed: Process) -> None:
    (segment,) = segments(crashed)
    segment.write_bytes(b"\0\0\0{]\n" + segment.read_bytes())
    crashed.start()
    assert crashed.stop() == 0
    assert crashed.rows("SELECT count(*) FROM pageviews") == [(2,)]
    assert [path.suffix for path in segments(crashed)] == [".rejected"]


def test_loaded_segment_is_not_loaded_again(crashed: Process) -> None:
    (segment,) = segments(crashed)
    aside = crashed.folder / "aside"
    shutil.copy(segment, aside)
    crashed.start()
    assert crashed.stop() == 0
    assert not segment.exists()
    aside.rename(segment)  # as if the process had died between commit and delete
    crashed.start()
    assert crashed.stop() == 0
    assert crashed.rows("SELECT path, count(*) FROM pageviews GROUP BY path ORDER BY path") == [
        ("/0", 1),
        ("/1", 1),
    ]
    assert crashed.rows("SELECT pageviews FROM sessions") == [(2,)]
    assert not segment.exists()


def test_foreign_entries_are_left_alone(crashed: Process) -> None:
    journal = crashed.folder / "journal"
    (journal / "notes.txt").write_text("mine")
    (journal / "12.ndjson").write_text("{}")
    (journal / "000000000777.ndjson").mkdir()
    crashed.start()
    assert crashed.stop() == 0
    assert crashed.rows("SELECT count(*) FROM pageviews") == [(2,)]
    assert {path.name for path in journal.iterdir()} == {"notes.txt", "12.ndjson", "000000000777.ndjson"}
    told = [line["msg"] for line in crashed.log() if line["level"] == 40]
    assert all(any(name in line for line in told) for name in ("notes.txt", "12.ndjson", "777.ndjson"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    with Process(tmp_path / "data", trust_proxy="true", eventstore_max_batch_timeout="1m") as server:
        server.start()
        loads = [Load(server.port, str(name)) for name in range(2)]
        wait_until(lambda: sum(len(load.answered) for load in loads) > 2 * BATCH, "answers")
        assert server.stop(number) == 0
        for load in loads:
            load.join()
        answered = {path for load in loads for path in load.answered}
        assert [load.unexpected for load in loads] == [[], []]
        assert len(answered) > BATCH
        assert answered <= {path for (path,) in server.rows(STORED)}
        assert segments(server) == []
        assert not (server.folder / "prisme.duckdb.wal").exists()


def test_second_signal_stops_at_once_and_loses_nothing(tmp_path: Path) -> None:
    with Process(tmp_path / "data", eventstore_max_batch_timeout="1m") as server:
        process = server.start()
        assert server.http.post(PAGEVIEWS, headers=browser(f"{HOME}/kept")).status_code == 200
        # Held for a moment, so that both signals arrive before the first one is acted on.
        for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
            process.send_signal(number)
        assert process.wait(20) in {128 + signal.SIGINT, 128 + signal.SIGTERM}  # whichever came second
        assert len(segments(server)) == 1
        server.start()
        assert server.stop() == 0
        assert server.rows("SELECT path FROM pageviews") == [("/kept",)]


def test_one_folder_one_process(tmp_path: Path, report: Report) -> None:
    tries = 10 if LONG else 3
    with Process(tmp_path / "data", trust_proxy="true") as first, Process(tmp_path / "data") as second:
        process = first.start()
        load = Load(first.port, "load", 0.01)
        for _ in range(tries):
            assert second.start(ready=False).wait(20) == 1
        load.stop()
        told = [line["msg"] for line in second.log() if line["level"] == 60]
        assert len(told) == tries
        assert all(f"process {process.pid}" in line for line in told)
        assert first.stop() == 0
        report("a second `prisme serve` on the folder", tries, count(first, [load]), 0)


def test_a_taken_port_is_a_failed_start(tmp_path: Path) -> None:
    with Process(tmp_path / "one") as first, Process(tmp_path / "two") as second:
        first.start()
        second.port = first.port
        assert second.start(ready=False).wait(20) == 1
        (told,) = [line["msg"] for line in second.log() if line["level"] == 60]
        assert "--port" in told


def test_files_are_for_their_owner_alone(killed: Path) -> None:
    paths = [killed, *killed.rglob("*")]
    assert {"prisme.duckdb", "secrets.sqlite", "lock", "journal"} <= {path.name for path in paths}
    assert [path for path in paths if path.stat().st_mode & 0o077] == []
