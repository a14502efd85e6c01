"""`prisme export`: read back with DuckDB, pyarrow and Polars, again and again, while events come in."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars
import pyarrow.dataset
import pytest

from prisme.cli.main import main
from prisme.store.comments import COMMENTS
from prisme.store.parquet import TIMES
from tests.server import CHROME, LiveServer

VIEW = {"Origin": "http://example.com", "X-Prisme-Referrer": "http://example.com/", "User-Agent": CHROME}
MONTH = 31 * 86_400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One with events of three months, in each of which other columns have other values."""
    with LiveServer(tmp_path_factory.mktemp("prisme")) as server:
        for bodies in (["{}", '{"price": 1.5, "plan": null}'], ['{"plan": "pro"}'], []):
            post(server)
            for body in bodies:
                headers = {**VIEW, "Content-Type": "application/json"}
                url = f"{server.url}/api/v1/events/custom/sign-up"
                assert httpx.post(url, headers=headers, content=body).status_code == 200
            server.settle()
            server.time.move(MONTH)
        yield server


def post(server: LiveServer) -> None:
    assert httpx.post(f"{server.url}/api/v1/events/pageviews", headers=VIEW).status_code == 200


@pytest.fixture
def export(capfdbinary: pytest.CaptureFixture[bytes]) -> "Export":
    return Export(capfdbinary)


class Export:
    """Runs the command."""

    def __init__(self, output: pytest.CaptureFixture[bytes]) -> None:
        self._output = output

    def text(self, data: Path, *words: object) -> str:
        assert main(["export", *map(str, words), "--data-dir", str(data)]) == 0
        return self._output.readouterr().out.decode()

    def __call__(self, data: Path, *words: object) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text(data, *words, "--json"))
        return found


def count(folder: Path, table: str) -> int:
    ((found,),) = duckdb.execute(f"SELECT count(*) FROM read_parquet('{folder}/{table}/*.parquet')").fetchall()
    return int(found)


def test_all_rows_are_read_back_and_all_files_have_one_schema(
    server: LiveServer, tmp_path: Path, export: Export
) -> None:
    written = export(server.folder, tmp_path)["written"]
    assert {file["name"].split("/")[0] for file in written} == {"sessions", "pageviews", "events_custom"}
    for table, files in (("sessions", 3), ("pageviews", 3), ("events_custom", 2)):
        expected = sorted(server.rows(f"SELECT * FROM {table}"), key=repr)
        paths = sorted((tmp_path / table).glob("*.parquet"))
        assert len(paths) == files
        found = duckdb.execute(f"SELECT * FROM read_parquet('{tmp_path}/{table}/*.parquet')").fetchall()
        assert sorted(found, key=repr) == expected
        assert len({str(pyarrow.dataset.dataset(path).schema) for path in paths}) == 1
        together = pyarrow.dataset.dataset(paths).to_table()
        assert together.num_rows == len(expected)
        assert polars.read_parquet(paths).height == len(expected)
        assert polars.scan_parquet(f"{tmp_path}/{table}/*.parquet").collect().columns == together.column_names


def test_a_second_export_writes_only_what_changed(server: LiveServer, tmp_path: Path, export: Export) -> None:
    first = export(server.folder, tmp_path)
    assert export(server.folder, tmp_path) == {"written": [], "removed": []}
    newest = max(file["name"] for file in first["written"] if file["name"].startswith("pageviews"))
    (tmp_path / newest).write_bytes(b"cut")
    assert [file["name"] for file in export(server.folder, tmp_path)["written"]] == [newest]
    post(server)
    changed = [file["name"] for file in export(server.folder, tmp_path)["written"]]
    assert [name.split("/")[0] for name in changed] == ["sessions", "pageviews"]
    assert server.rows("SELECT count(*) FROM pageviews") == [(count(tmp_path, "pageviews"),)]


def test_since_a_month(server: LiveServer, tmp_path: Path, export: Export) -> None:
    everything = export(server.folder, tmp_path / "all")["written"]
    months = sorted({Path(file["name"]).stem for file in everything})
    found = export(server.folder, tmp_path / "some", "--since", months[1])["written"]
    assert {Path(file["name"]).stem for file in found} == set(months[1:])


def test_deleted_rows_leave_the_export(server: LiveServer, tmp_path: Path, export: Export) -> None:
    export(server.folder, tmp_path)
    index = json.loads((tmp_path / "export.json").read_bytes())
    index["files"]["pageviews/2001-01.parquet"] = {"bytes": 3, "rows": 1, "check": "x"}
    (tmp_path / "export.json").write_text(json.dumps(index))
    (tmp_path / "pageviews/2001-01.parquet").write_bytes(b"old")
    assert "removed pageviews/2001-01.parquet, as all its rows were deleted" in export.text(server.folder, tmp_path)
    assert not (tmp_path / "pageviews/2001-01.parquet").exists()


def test_beside_events_and_without_a_server(tmp_path: Path, export: Export) -> None:
    data = tmp_path / "data"
    with LiveServer(data) as server:
        post(server)
        done, sent = threading.Event(), []

        def send() -> None:
            with httpx.Client() as client:
                while not done.is_set():
                    sent.append(client.post(f"{server.url}/api/v1/events/pageviews", headers=VIEW).status_code)

        sending = threading.Thread(target=send)
        sending.start()
        try:
            assert export(data, tmp_path / "out")["written"]
        finally:
            done.set()
            sending.join()
        assert set(sent) == {200}
        assert server.rows("SELECT count(*) FROM pageviews") == [(len(sent) + 1,)]
        assert not list((data / "tmp").iterdir())
    export(data, tmp_path / "out")
    assert count(tmp_path / "out", "pageviews") == len(sent) + 1


def test_what_is_in_the_way(server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(tmp_path / "out"), "--data-dir", str(server.folder)]
    assert main([*words, "--since", "yesterday"]) == 1
    assert "write it as in 2026-11" in capsys.readouterr().err
    (tmp_path / "out" / "holiday.jpg").touch()
    assert main(words) == 1
    assert "choose an empty folder" in capsys.readouterr().err


def test_every_table_and_column_has_a_comment(server: LiveServer) -> None:
    found = server.rows(
        "SELECT table_name, column_name, comment FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND table_name IN (SELECT unnest(?))",
        [list(TIMES)],
    )
    assert all(comment for _, _, comment in found)
    assert {(table, column) for table, column, _ in found} == {
        (table, column) for table, columns in COMMENTS.items() for column in columns if column != "table"
    }
