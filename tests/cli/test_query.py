"""`prisme query`: with a server and without one, in all formats, at a prompt, and with mistakes."""

import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from prisme.cli import query
from prisme.cli.main import main
from prisme.cli.operate import Operator
from prisme.cli.query_prompt import SqlCompleter, converse, is_complete, open_history
from prisme.cli.table import format_table
from prisme.operations.query import Arguments, Done, TableColumn
from tests.server import CHROME, LiveServer

PATHS = ("/", "/", "/pricing")
BY_PATH = "SELECT path, count(*) AS n FROM pageviews GROUP BY ALL ORDER BY n DESC, path"
TABLE = "path     | n\n---------+--\n/        | 2\n/pricing | 1\n(2 rows)\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("query")) as server:
        for path in PATHS:
            headers = {"Origin": "http://example.com", "X-Prisme-Referrer": f"http://example.com{path}"}
            url = server.url + "/api/v1/events/pageviews"
            assert httpx.post(url, headers={**headers, "User-Agent": CHROME}).status_code == 200
        server.settle()
        yield server


def run(server: LiveServer, *words: str) -> int:
    return main(["query", "--data-dir", str(server.config.data_dir), *words])


def test_a_table_for_people(server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(server, BY_PATH) == 0
    assert capsys.readouterr() == (TABLE, "")


def test_formats_for_programs(server: LiveServer, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    assert run(server, BY_PATH, "--format", "csv") == 0
    assert capsysbinary.readouterr().out == b"path,n\r\n/,2\r\n/pricing,1\r\n"
    assert run(server, BY_PATH, "--format", "json") == 0
    assert json.loads(capsysbinary.readouterr().out) == {
        "columns": [{"name": "path", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}],
        "rows": [["/", 2], ["/pricing", 1]],
        "truncated": False,
    }
    target = tmp_path / "pages.parquet"
    assert run(server, BY_PATH, "--format", "parquet", "--output", str(target)) == 0
    assert duckdb.connect().execute("FROM read_parquet($path)", {"path": str(target)}).fetchall() == [
        ("/", 2),
        ("/pricing", 1),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["pages.parquet"]
    assert not list((server.config.data_dir / "tmp").glob("staged-*"))


def test_sql_from_a_file_and_from_standard_input(
    server: LiveServer, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pages.sql").write_text(f"-- pages\n{BY_PATH};\n")
    assert run(server, "--file", str(tmp_path / "pages.sql")) == 0
    for words in ((), ("-",)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BY_PATH.encode())))
        monkeypatch.setattr(query, "is_terminal", lambda _: False)
        assert run(server, *words) == 0
    assert capsys.readouterr().out == 3 * TABLE


def test_a_result_that_is_cut_says_so(server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(server, BY_PATH, "--max-rows", "1", "--format", "csv") == 0
    out, error = capsys.readouterr()
    assert out.split() == ["path,n", "/,2"]
    assert error == "prisme: the result is cut after 1 rows, by --max-rows 1\n"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["SELECT nope FROM sessions"], 'column "nope" not found'),
        (["FROM state.segments"], "the tables are sessions"),
        (["DELETE FROM sessions"], "nothing can be changed"),
        (["FROM '/etc/passwd'"], "no files"),
        (["SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b", "--deadline", "0.2"], "0.2 s"),
        (["--file", "/nowhere/x.sql"], "prisme: /nowhere/x.sql: No such file or directory"),
        (["SELECT 1", "--output", "/nowhere/x.csv"], "No such file"),
        ([" "], "is empty"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    server: LiveServer, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    assert run(server, *words) == 1
    out, error = capsys.readouterr()
    assert part in error
    assert error.startswith("prisme: ")
    assert (out, error.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--deadline", "0"], "'0' is not a number of seconds up to 3,600"),
        (["--deadline", "nan"], "'nan' is not a number of seconds"),
        (["--max-rows", "0"], "'0' is not a number of rows from 1 to 10,000,000"),
        (["--max-rows", "10000001"], "is not a number of rows"),
        (["--file", "x"], "not both"),
    ],
)
def test_wrong_flags_are_told_with_the_way_to_the_help(
    server: LiveServer, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    assert run(server, "SELECT 1", *words) == 2
    out, error = capsys.readouterr()
    assert part in error
    assert error.startswith("prisme query: ")
    assert error.endswith("\n`prisme query --help` shows the usage.\n")
    assert out == ""


def test_a_file_stays_where_a_query_fails(server: LiveServer, tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("before")
    assert run(server, "SELECT nope", "--format", "csv", "--output", str(target)) == 1
    assert target.read_text() == "before"


def test_without_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "SELECT 1 AS a", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "a\n-\n1\n(1 row)\n"
    target = tmp_path / "a.parquet"
    words = ["query", "SELECT 1", "--format", "parquet", "--data-dir", str(tmp_path), "--output", str(target)]
    assert main(words) == 0
    assert target.read_bytes()[:4] == b"PAR1"


def test_no_file_is_shown_on_a_terminal(
    server: LiveServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "is_terminal", lambda _: True)
    assert run(server, "SELECT 1", "--format", "parquet") == 2
    assert "use --output" in capsys.readouterr().err


def test_values_cannot_control_a_terminal() -> None:
    columns = [{"name": "a\x1b[2J", "type": "VARCHAR"}]
    result = {"columns": columns, "rows": [["\x1b]0;x\x07"], [None]], "truncated": True}
    table = format_table(json.dumps(result).encode(), True)
    assert "\x1b" not in table
    assert "\x07" not in table
    assert table.endswith("(2 rows, and there are more)\n")


def test_columns_of_all_types_are_aligned() -> None:
    columns = [
        {"name": name, "type": type_} for name, type_ in (("n", "HUGEINT"), ("t", "VARCHAR"), ("l", "INTEGER[]"))
    ]
    rows = b'[[1, "\xe4\xb8\xad", [1, 2]], [170141183460469231731687303715884105727, "ab", null], [1.50, true, []]]'
    result = b'{"columns": %s, "rows": %s, "truncated": false}' % (json.dumps(columns).encode(), rows)
    assert format_table(result, False).splitlines() == [
        "n                                       | t    | l",
        "----------------------------------------+------+------",
        "                                      1 | \N{CJK UNIFIED IDEOGRAPH-4E2D}   | [1,2]",
        "170141183460469231731687303715884105727 | ab   |",
        "                                   1.50 | true | []",
        "(3 rows)",
    ]


def test_long_texts_are_shortened_on_a_terminal_only() -> None:
    result = json.dumps({"columns": [{"name": "a", "type": "VARCHAR"}], "rows": [["x" * 100]], "truncated": False})
    assert "x" * 59 + "…" in format_table(result.encode(), True)
    assert "x" * 100 in format_table(result.encode(), False)


def test_a_conversation(
    server: LiveServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    flags = query.make_parser().parse_args([])
    operator = Operator(server.config)
    with create_pipe_input() as typed, create_app_session(typed, DummyOutput()):
        typed.send_text("help\rSELECT count(*)\rFROM pageviews;\rSELECT nope;\rexit\r")
        converse(operator, lambda sql: query.answer(operator, sql, flags))
    out, error = capsys.readouterr()
    assert "End a query with a semicolon" in out
    assert "count_star()\n------------\n           3\n" in out
    assert '"nope" was not found' in error
    history = (tmp_path / "prisme" / "query_history").read_text()
    assert "+SELECT count(*)\n+FROM pageviews;" in history
    assert (tmp_path / "prisme" / "query_history").stat().st_mode & 0o077 == 0


def test_enter_runs_what_is_complete() -> None:
    assert all(map(is_complete, ("", "exit", "\\q", "SELECT 1;", "SELECT 1; ", "help")))
    assert not any(map(is_complete, ("SELECT 1", "SELECT 1\nFROM a")))


def test_words_are_completed() -> None:
    completer = SqlCompleter(
        [TableColumn("sessions", "domain", "VARCHAR", ""), TableColumn("pageviews", "path", "VARCHAR", "")]
    )

    def complete(text: str) -> list[str]:
        return [found.text for found in completer.get_completions(Document(text), CompleteEvent())]

    assert "sessions" in complete("SELECT * FROM ses")
    assert complete("SELECT sessions.d") == ["domain"]
    assert complete("SELECT sessions.") == ["domain"]
    assert "approx_count_distinct" in complete("SELECT approx_c")
    assert "path" in complete("SELECT count(pat")
    assert "SELECT" in complete("sel")
    assert complete("SELECT ") == []


def test_a_history_needs_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_history({"XDG_STATE_HOME": str(tmp_path)}), FileHistory)
    (tmp_path / "file").touch()
    assert isinstance(open_history({"XDG_STATE_HOME": str(tmp_path / "file")}), InMemoryHistory)


def test_events_are_recorded_while_a_greedy_query_runs(server: LiveServer) -> None:
    """All that were answered are stored once, and none waits for the query."""
    greedy = "SELECT count(*) FROM range(1000000000) a, range(1000) b WHERE hash(a.range, b.range) = 1"
    asking = threading.Thread(target=lambda: run(server, greedy, "--deadline", "3"))
    headers = {"Origin": "http://example.com", "X-Prisme-Referrer": "http://example.com/busy", "User-Agent": CHROME}
    asking.start()
    with httpx.Client() as client:
        answered = 0
        while asking.is_alive():
            answered += client.post(server.url + "/api/v1/events/pageviews", headers=headers).status_code == 200
    asking.join()
    server.settle()
    assert answered > 2  # one may come before the query and one after it; had the others waited, there were no more
    body = bytearray()
    counted = Arguments("SELECT count(*) AS n FROM pageviews WHERE path = '/busy'", "csv", 20, 10)
    Operator(server.config).run("query", counted, Done, receive=body.extend)
    assert body.split() == [b"n", str(answered).encode()]
