"""`prisme delete`, `prisme compact` and `prisme site retention`, with a server and without one."""

import json
import shutil
from pathlib import Path

import pytest

from prisme.access import audit
from prisme.cli.main import main
from prisme.store.control import Control
from tests.operations.conftest import fill, open_folder
from tests.operations.views import view
from tests.server import LiveServer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with open_folder(folder) as context:
        fill(context, 400)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> str:
    shutil.copytree(made, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return str(tmp_path / "data")


def test_counts_are_shown_and_deleted_with_yes(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["delete", "--data-dir", folder, "--site", "*.example.com"]
    assert main([*words, "--path", "/1", "--dry-run"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in shown[:2]] == [["sessions", "0"], ["pageviews", "100"]]
    assert shown[-1].split() == ["other", "visits", "100", "lose", "a", "part", "of", "their", "events"]
    assert main(words) == 1
    asked = capsys.readouterr()
    assert "100 rows" in asked.out
    assert "use --yes" in asked.err
    assert main([*words, "--yes"]) == 0
    assert "deleted" in capsys.readouterr().out
    assert main(words) == 0
    assert capsys.readouterr().out == "nothing matches\n"
    with Control(Path(folder)).read() as connection:
        (entry,) = audit.read(connection, 10, 0)
    assert (entry.action, entry.subject, entry.detail) == ("data.delete", "*.example.com", "100 sessions, 0 in part")
    assert entry.actor.startswith("cli:")


@pytest.mark.parametrize(("answer", "left"), [("n", 400), ("y", 0)])
def test_somebody_is_asked(
    folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, left: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert main(["delete", "--data-dir", folder, "--before", "2030-01-01", "--no-compact"]) == (
        0 if answer == "y" else 1
    )
    assert ("nothing was changed" in capsys.readouterr().err) == (answer == "n")
    with open_folder(Path(folder)) as context, context.database.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM sessions").fetchall() == [(left,)]


def test_json(folder: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    words = ["delete", "--data-dir", folder, "--json"]
    assert main([*words, "--visitor", "nobody", "--dry-run"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["rows"]["sessions"] == 0
    assert main([*words, "--before", "2030-01-01", "--yes"]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert (found["rows"]["sessions"], found["before"]) == (400, "2030-01-01T00:00:00Z")
    assert main(["compact", "--data-dir", folder, "--json", "--always"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["is_done"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["delete", "--site", "http://x/"], "has a scheme"),
        (["delete", "--before", "soon", "--yes"], "is no time"),
        (["site", "retention", "example.com", "soon"], "is no number of days"),
        (["site", "retention", "other.example", "3"], "there is no site"),
    ],
)
def test_mistakes(folder: str, words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--data-dir", folder]) == 1
    assert why in capsys.readouterr().err


def test_it_must_be_said_what_to_delete(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delete", "--yes", "--data-dir", folder]) == 2
    assert "--site, --path, --visitor, --before" in capsys.readouterr().err


def test_with_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LiveServer(tmp_path) as server:
        view(server, "http://example.com/", "")
        at = ["--data-dir", str(tmp_path)]
        assert main(["delete", "--path", "/", "--yes", *at]) == 0
        assert "sessions                           1 rows" in capsys.readouterr().out
        assert server.rows("SELECT count(*) FROM pageviews") == [(0,)]
        assert main(["compact", "--dry-run", *at]) == 0
        assert "can be given back" in capsys.readouterr().out
        assert main(["site", "add", "new.example", *at]) == 0
        assert main(["site", "retention", "new.example", *at]) == 0
        assert "kept for ever, as the option retention_days says" in capsys.readouterr().out
        assert main(["site", "retention", "new.example", "90", *at]) == 0
        assert "kept for 90 days, by a rule of its own" in capsys.readouterr().out
        assert main(["site", "retention", "new.example", "none", *at]) == 0
        assert "as the option" in capsys.readouterr().out


def test_no_byte_of_a_deleted_visitor_stays(tmp_path: Path) -> None:
    with LiveServer(tmp_path, trust_proxy="true") as server:
        view(server, "http://example.com/", "", "192.0.2.1", "member-17-of-example")
        view(server, "http://example.com/", "", "192.0.2.2", "somebody-else")
        server.settle()

    def has(text: bytes) -> bool:
        return any(text in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert has(b"member-17-of-example")
    at = ["--data-dir", str(tmp_path)]
    assert main(["delete", "--visitor", "member-17-of-example", "--yes", *at]) == 0
    assert main(["compact", "--always", *at]) == 0
    assert not has(b"member-17-of-example")
    assert has(b"somebody-else")


def test_standard_output_is_json_alone_where_somebody_is_asked(
    folder: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert main(["delete", "--data-dir", folder, "--before", "2030-01-01", "--no-compact", "--json"]) == 0
    out, error = capsys.readouterr()
    assert json.loads(out)["rows"]["sessions"] == 400
    assert "400 rows" in error


def test_quiet_commands_print_nothing(folder: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (
        ["delete", "--before", "2030-01-01", "--yes"],
        ["compact", "--always"],
        ["export", str(tmp_path / "export")],
        ["backup", str(tmp_path / "all.tar")],
        ["restore", str(tmp_path / "all.tar"), "--yes"],
    ):
        assert main([*words, "--quiet", "--data-dir", folder]) == 0
        assert capsys.readouterr() == ("", "")


def test_a_compaction_of_nothing_says_so(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compact", "--data-dir", folder]) == 0
    assert "nothing was done" in capsys.readouterr().out
    assert main(["compact", "--data-dir", folder, "--dry-run"]) == 0
    assert "nothing was done" not in capsys.readouterr().out
