"""`prisme import list` and `prisme import undo`, with a server and without one."""

import json
import shutil
from pathlib import Path

import pytest

from prisme.cli.imports import list_command, undo_command
from prisme.cli.main import main
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.server import LiveServer

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0"
LINE = f'203.0.113.77 - - [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 23 "-" "{AGENT}"\n'
BAD = "203.0.113.78 - - a line that cannot be read\n"
FIGURES = [("example.com", "2023-11-14", "path", "/in")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with open_folder(folder) as context:
        add_import(context, "goatcounter-1", 3, FIGURES)
        add_import(context, "umami-1", 1, ended=False)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> str:
    shutil.copytree(made, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return str(tmp_path / "data")


def test_the_list_is_a_table(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_command(["--data-dir", folder]) == 0
    head, _, newest, oldest, last = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in head.split("|")] == [
        "name", "began (UTC)", "ended (UTC)", "visits", "pageviews", "events", "figures", "first day", "last day",
        "files",
    ]  # fmt: skip
    assert [cell.strip() for cell in newest.split("|")][:4] == ["umami-1", "2026-11-01 12:00", "not complete", "1"]
    assert [cell.strip() for cell in oldest.split("|")] == [
        "goatcounter-1", "2026-11-01 12:00", "2026-11-01 12:00", "3", "6", "9", "1", "2026-11-01", "2026-11-01",
        "a.csv, b.csv",
    ]  # fmt: skip
    assert last == "(2 rows)"


def test_the_list_as_json(folder: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert list_command(["--data-dir", folder, "--json"]) == 0
    newest, oldest = json.loads(capsysbinary.readouterr().out)
    assert (newest["ended"], oldest["ended"]) == (None, "2026-11-01T12:00:00Z")
    assert (oldest["files"], oldest["report"]) == (["a.csv", "b.csv"], {"rows": 7})


def test_without_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_folder(tmp_path):
        pass
    at = ["--data-dir", str(tmp_path)]
    assert list_command(at) == 0
    assert "no imports yet: `prisme import" in capsys.readouterr().err
    assert list_command([*at, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert undo_command(["goatcounter-1", *at]) == 1
    told = capsys.readouterr().err
    assert told == "prisme: there is no import goatcounter-1: nothing was imported, or all of it was undone\n"


def test_numbers_are_shown_and_undone_with_yes(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["goatcounter-1", "--data-dir", folder]
    assert undo_command([*words, "--dry-run"]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert told == [
        ["sessions", "3", "rows"], ["pageviews", "6", "rows"], ["events_custom", "3", "rows"],
        ["file_downloads", "3", "rows"], ["outbound_link_clicks", "3", "rows"], ["imported_figures", "1", "rows"],
    ]  # fmt: skip
    assert undo_command(words) == 1
    asked = capsys.readouterr()
    assert [line.split() for line in asked.out.splitlines()] == told
    assert "Undo goatcounter-1? There is no terminal to ask on: use --yes" in asked.err
    assert undo_command([*words, "--yes"]) == 0
    done = capsys.readouterr().out.splitlines()
    assert done[0].split() == ["sessions", "3", "rows", "deleted"]
    assert done[-1] == "goatcounter-1 is undone"
    assert undo_command([*words, "--yes"]) == 1
    assert "there is no import goatcounter-1; there are: umami-1" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_somebody_is_asked(
    folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert undo_command(["goatcounter-1", "--data-dir", folder, "--json"]) == code
    out, error = capsys.readouterr()
    assert "sessions                           3 rows" in error
    if code == 0:
        assert json.loads(out)["rows"]["imported_figures"] == 1
    else:
        assert out == ""
    with open_folder(Path(folder)) as context, context.database.cursor() as cursor:
        found = cursor.execute("SELECT name FROM state.imports ORDER BY name").fetchall()
    assert found == [*([("goatcounter-1",)] if code else []), ("umami-1",)]


def test_quiet_and_nothing_left(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--data-dir", folder]
    assert undo_command(["goatcounter-1", "--yes", "--quiet", *at]) == 0
    assert capsys.readouterr() == ("", "")
    with open_folder(Path(folder)) as context:
        add_import(context, "matomo-1")
    assert undo_command(["matomo-1", "--dry-run", *at]) == 0
    assert capsys.readouterr().out == "nothing is left of what matomo-1 has added\n"
    assert undo_command(["matomo-1", "--yes", *at]) == 0
    assert capsys.readouterr().out == "nothing was left of what matomo-1 has added\nmatomo-1 is undone\n"


def test_with_a_server(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveServer(Path(folder)) as server:
        at = ["--data-dir", folder]
        assert list_command(at) == 0
        assert "goatcounter-1" in capsys.readouterr().out
        assert undo_command(["goatcounter-1", "--yes", *at]) == 0
        assert "goatcounter-1 is undone" in capsys.readouterr().out
        assert server.rows("SELECT imported, count(*) FROM sessions GROUP BY ALL") == [("umami-1", 1)]


def test_nothing_of_a_log_is_kept_but_its_visits_and_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No address and no User-Agent, wherever the import notes what it has read."""
    (tmp_path / "access.log").write_text(LINE + BAD)
    data, at = tmp_path / "data", ["--data-dir", str(tmp_path / "data")]
    data.mkdir(mode=0o700)
    with open_folder(data):
        pass
    assert main(["import", "access-log", str(tmp_path / "access.log"), "--site", "example.com", "--yes", *at]) == 0
    assert "203.0.113.78" in capsys.readouterr().out, "it is shown once"
    assert main(["import", "list", "--json", *at]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["files"], listed["visits"]) == ("access-log-1", ["access.log"], 1)
    assert listed["report"]["bad"] == 1
    assert [list(line) for line in listed["report"]["bad_lines"]] == [["file", "number", "why"]]

    def has(text: bytes) -> bool:
        return any(text in path.read_bytes() for path in data.rglob("*") if path.is_file())

    assert has(b"access.log")
    for secret in (b"203.0.113.7", b"rv:124.0", b"cannot be read"):
        assert not has(secret), secret
    assert main(["import", "undo", "access-log-1", "--yes", *at]) == 0
    assert main(["import", "list", "--json", *at]) == 0
    assert capsys.readouterr().out.endswith("[]\n")
