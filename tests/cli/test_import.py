"""`prisme import`: tried, done, repeated and undone, with a server and without one."""

import bz2
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from prisme.cli.main import main
from prisme.imports.formats import NAMES
from tests.checkout import ROOT
from tests.faults.load import LONG
from tests.imports.log_lines import START, line, text
from tests.server import LiveServer, browser, wait_until
from tests.terminal import Terminal

SITE = "example.com"
PAGEVIEWS = "/api/v1/events/pageviews"
ALL = "SELECT * FROM sessions ORDER BY ALL", "SELECT * FROM pageviews ORDER BY ALL"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path / "data") as live:
        yield live


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """40 pageviews of 20 visitors, and what does not count."""
    path = tmp_path / "access.log"
    more = [
        line(100, status=404),
        line(101, "/site.css"),
        line(102, agent="Googlebot/2.1 (+http://www.google.com/bot.html)"),
        "no line of a log",
    ]
    path.write_text(text(range(40)) + "\n".join(more) + "\n")
    return path


def run(live: LiveServer, *words: object) -> int:
    return main(["import", *map(str, words), "--data-dir", str(live.folder)])


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_is_tried_done_repeated_and_undone(
    server: LiveServer, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = f"https://{SITE}/live"
    assert server.http.post(PAGEVIEWS, headers=browser(page)).status_code == 200
    before = [server.rows(query) for query in ALL]
    words = ("access-log", log, "--site", SITE, "--json")
    assert run(server, *words, "--dry-run") == 0
    tried = report(capsys)
    assert (tried["name"], tried["rows"], tried["visits"], tried["pageviews"]) == (None, 44, 20, 40)
    assert (tried["days"], tried["sites"], tried["already_there"]) == (1, {SITE: 20}, 0)
    assert (tried["first"], tried["last"]) == ("2026-09-01T00:00:00Z", "2026-09-01T00:06:30Z")
    assert sum(tried["skipped"].values()) == 3
    assert (tried["bad"], tried["bad_lines"][0]["number"], tried["bad_lines"][0]["text"]) == (1, 44, "no line of a log")
    assert [server.rows(query) for query in ALL] == before
    assert run(server, *words, "--yes") == 0
    done = report(capsys)
    assert (done["name"], done["visits"], done["pageviews"]) == ("access-log-1", 20, 40)
    assert server.rows("SELECT count(*), count(DISTINCT visitor_id) FROM sessions WHERE imported = 'access-log-1'") == [
        (20, 20)
    ]
    stored = [server.rows(query) for query in ALL]
    assert run(server, *words, "--yes") == 0
    again = report(capsys)
    assert (again["name"], again["visits"], again["already_there"]) == (None, 0, 20)
    assert [server.rows(query) for query in ALL] == stored
    assert run(server, "undo", "access-log-1", "--yes") == 0
    assert [server.rows(query) for query in ALL] == before


def test_numbers_are_shown_to_people(server: LiveServer, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(server, "auto", log, "--site", SITE) == 1
    told = capsys.readouterr()
    assert "access-log: 44 rows" in told.out
    assert "from 2026-09-01 to 2026-09-01, 1 day with visits" in told.out
    assert "new: 20 visits, 40 pageviews" in told.out
    assert "a bot, by its User-Agent" in told.out
    assert "access.log, line 44: " in told.out
    assert "use --yes" in told.err
    assert run(server, "auto", log, "--site", SITE, "--yes") == 0
    assert "imported: 20 visits" in (out := capsys.readouterr().out)
    assert "`prisme import undo access-log-1` deletes it again" in out
    assert run(server, "auto", log, "--site", SITE) == 0  # nothing to ask
    assert "new: nothing" in (out := capsys.readouterr().out)
    assert "there already, and left as they are: 20" in out


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, zstandard.ZstdCompressor().compress])
def test_a_log_that_was_compressed_and_grew(
    server: LiveServer, log: Path, compress: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("access-log", "--site", SITE, "--yes", "--json")
    assert run(server, *words, log) == 0
    log.write_text(log.read_text() + line(40, at=START + 391) + "\n" + text(range(41, 50)))
    packed = log.with_name("access.log.1.packed")
    packed.write_bytes(compress(log.read_bytes()))
    capsys.readouterr()
    assert run(server, *words, packed) == 0
    grown = report(capsys)
    assert (grown["visits"], grown["pageviews"], grown["already_there"]) == (5, 10, 20)
    assert server.rows("SELECT count(*), sum(pageviews) FROM sessions") == [(25, 50)]


def test_a_visit_that_goes_on_in_the_longer_log(server: LiveServer, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    words = ("access-log", "--site", SITE, "--yes", "--quiet")
    log.write_text(line(0) + "\n")
    assert run(server, *words, log) == 0
    log.write_text(line(0) + "\n" + line(1) + "\n")
    assert run(server, *words, log) == 0
    assert server.rows("SELECT pageviews, imported, (SELECT count(*) FROM pageviews) FROM sessions") == [
        (2, "access-log-1", 2)
    ]


def test_without_a_server(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    words = ["import", "access-log", str(log), "--site", SITE, "--data-dir", str(folder), "--json", "--yes"]
    assert main(words) == 0
    assert report(capsys)["visits"] == 20
    assert main(words) == 0
    assert report(capsys)["visits"] == 0
    assert list((folder / "tmp").iterdir()) == []
    assert main([*words, "--follow"]) == 1
    assert "--follow needs a running server" in capsys.readouterr().err


def test_sites_that_are_not_registered(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "vhosts.log"
    log.write_text("".join(f"{host}:443 {line(n)}\n" for n in range(6) for host in ("example.com", "other.example")))
    assert run(server, "access-log", log, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "6  the host is not a site of this Prisme" in told
    assert "prisme site add HOST" in told
    assert "new: 3 visits, 6 pageviews" in told
    assert run(server, "access-log", log, "--dry-run", "--site", "exmaple.com") == 0
    assert "exmaple.com is not a site of this Prisme yet: `prisme site add exmaple.com`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param(["access-log", "{missing}"], 1, "No such file", id="no file"),
        pytest.param(["access-log", "{log}"], 1, "--site", id="no site"),
        pytest.param(["access-log", "{log}", "--site", "a b"], 1, "--site: ", id="a site that is none"),
        pytest.param(
            ["access-log", "{log}", "--time-zone", "Europe/Berlim"], 2, "did you mean Europe/Berlin?", id="zone"
        ),
        pytest.param(["clicky", "{log}"], 2, "invalid choice: 'clicky'", id="no format"),
        pytest.param(["auto", "{other}"], 1, "looks like no format", id="not recognised"),
        pytest.param(["auto", "{empty}"], 1, "empty is empty", id="empty"),
        pytest.param(["auto", "{other}", "{log}"], 1, "looks like no format", id="one not recognised"),
        pytest.param(["plausible", "{log}", "--follow"], 2, "--follow is for logs", id="nothing to follow"),
        pytest.param(["plausible", "{log}", "--site", "example.com"], 1, "access.log", id="another format"),
        pytest.param(["access-log", "{other}", "--site", "example.com"], 1, "other", id="not a log"),
    ],
)
def test_mistakes(
    server: LiveServer, log: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = log.with_name("other")
    other.write_text("a text\n" * 5)
    (empty := log.with_name("empty")).touch()
    texts = [word.format(log=log, missing=log.with_name("missing"), other=other, empty=empty) for word in words]
    assert run(server, *texts) == code
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


@pytest.mark.parametrize("name", NAMES)
def test_empty_files(server: LiveServer, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    code = run(server, name, empty, "--site", SITE, "--yes")
    told = capsys.readouterr()
    assert (code == 0 and "imported: nothing" in told.out) or (code == 1 and "empty" in told.err)
    assert "Traceback" not in told.err


def command(live: LiveServer, *words: object) -> list[str]:
    return [sys.executable, "-m", "prisme", "import", *map(str, words), "--data-dir", str(live.folder)]


def test_a_person_is_asked_and_sees_a_bar(server: LiveServer, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(text(range(30_000)))
    terminal = Terminal(command(server, "access-log", log, "--site", SITE), {})
    terminal.read_until(r"rows, [\d,]+ a second", 60)
    terminal.read_until(r"new: 15,000 visits, 30,000 pageviews", 60)
    terminal.read_until(r"Import this\? \[y/N\]")
    os.write(terminal._screen, b"y\n")
    terminal.read_until("its name is access-log-1", 60)
    assert terminal.process.wait(30) == 0
    assert server.rows("SELECT count(*) FROM sessions") == [(15_000,)]


def test_ctrl_c_keeps_what_is_whole_and_goes_on(server: LiveServer, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(text(range(50_000)))
    words = command(server, "access-log", log, "--site", SITE, "--yes", "--json")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    wait_until(lambda: server.rows("SELECT count(*) > 0 FROM sessions") == [(True,)], "the first chunk", 60)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"what was stored stays" in errors
    ((some,),) = server.rows("SELECT count(*) FROM sessions")
    assert 0 < some < 25_000
    done = subprocess.run(words, capture_output=True, cwd=ROOT, timeout=120, check=True)
    told = json.loads(done.stdout)
    assert (told["name"], told["visits"], told["already_there"]) == ("access-log-1", 25_000 - some, some)
    assert server.rows("SELECT count(*), sum(pageviews), (SELECT count(*) FROM pageviews) FROM sessions") == [
        (25_000, 50_000, 50_000)
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, *([signal.SIGINT] if LONG else [])])
def test_a_log_is_followed(server: LiveServer, tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "access.log"
    log.write_text(text(range(4)))
    words = command(server, "access-log", log, "--site", SITE, "--follow", "--json")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    with log.open("a") as file:
        file.write(text(range(4, 100)))
    # What is two minutes old, by the log's own time.
    wait_until(lambda: server.rows("SELECT coalesce(sum(pageviews), 0) >= 80 FROM sessions") == [(True,)], "them", 60)
    assert process.poll() is None
    log.rename(log.with_name("access.log.1"))
    log.write_text(text(range(100, 110)))
    wait_until(lambda: server.rows("SELECT sum(pageviews) >= 90 FROM sessions") == [(True,)], "the next file", 60)
    process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert json.loads(out)["name"] == "access-log-1"
    assert server.rows("SELECT count(*), sum(pageviews), (SELECT count(*) FROM pageviews) FROM sessions") == [
        (55, 110, 110)
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_without_a_server_does_not_wait_for_the_end(number: signal.Signals, tmp_path: Path) -> None:
    """No chunk is ready for long where nothing of a log counts."""
    log, folder = tmp_path / "access.log", tmp_path / "data"
    folder.mkdir(mode=0o700)
    log.write_bytes((line(1, "/site.css") + "\n").encode() * 3_000_000)
    words = [sys.executable, "-m", "prisme", "import", "access-log", str(log), "--site", SITE, "--yes"]
    process = subprocess.Popen([*words, "--data-dir", str(folder)], stderr=subprocess.PIPE, cwd=ROOT)
    wait_until(lambda: any((folder / "tmp").glob("import-*")), "it to read", 60)
    time.sleep(0.5)  # it makes the folder just before it begins
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith(b"\nprisme: cancelled\n")
    assert set(errors.splitlines()) <= {
        b"",
        b"prisme: cancelled",
        b"prisme: what was stored stays; the same command goes on",
    }
    assert list((folder / "tmp").iterdir()) == []


def test_sigterm_leaves_nothing_of_it(server: LiveServer, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(text(range(200_000)))
    process = subprocess.Popen(
        command(server, "access-log", log, "--site", SITE, "--yes"), stderr=subprocess.PIPE, cwd=ROOT
    )
    wait_until(lambda: any((server.folder / "tmp").glob("import-*")), "it to read", 60)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"the same command goes on" in errors
    wait_until(lambda: list((server.folder / "tmp").iterdir()) == [], "the server to leave it")


def test_a_dry_run_changes_nothing_also_without_a_question(
    server: LiveServer, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(server, "access-log", log, "--site", SITE, "--dry-run", "--yes", "--json") == 0
    assert report(capsys)["name"] is None
    assert server.rows("SELECT count(*), (SELECT count(*) FROM state.imports) FROM sessions") == [(0, 0)]
    assert run(server, "access-log", log, "--site", SITE, "--dry-run", "--follow") == 2
    assert "--follow stores what comes" in capsys.readouterr().err


def test_what_is_read_twice_is_a_file(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe would be empty the second time, and nobody writes to one that waits."""
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (pipe, Path("/dev/zero")):
        assert run(server, "access-log", path, "--site", SITE) == 1
        assert capsys.readouterr().err.startswith(f"prisme: {path} is no file: ")
    assert run(server, "access-log", tmp_path, "--site", "*.example.com") == 1
    assert "is many sites: name one host, such as www.example.com" in capsys.readouterr().err


def test_a_server_that_stops_says_how_to_go_on(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(text(range(200_000)))
    with LiveServer(tmp_path / "data") as live:
        words = command(live, "access-log", log, "--site", SITE, "--yes")
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
        wait_until(lambda: live.rows("SELECT count(*) > 0 FROM sessions") == [(True,)], "the first chunk", 60)
        live.stop()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.endswith(b". The same command goes on with the rest\n")
