"""`prisme move`: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest

from prisme.cli.main import main
from tests.clickhouse.engine import Engine
from tests.operations.conftest import open_folder
from tests.operations.imported import add_import
from tests.store.clickhouse.moving import configure, move


def test_what_a_move_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    with open_folder(folder) as context:
        add_import(context, "matomo-1", 30, [("example.com", "2023-11-03", "path", "/")])
    with Engine(tmp_path / "clickhouse" / "data") as engine:
        monkeypatch.setenv("PRISME_CLICKHOUSE_URL", f"http://{engine.endpoint}")
        words = ["move", "clickhouse", "--data-dir", str(folder)]
        assert main(words) == 0
        assert capsys.readouterr().out.splitlines() == [
            "month            visits  pageviews  events  visitors  imported",
            "2023-11              30         60      90         1         1  equal",
            "list of imports                                              1  equal",
            "copied now: 181 rows",
            "all is equal; `prisme move clickhouse --finish`, without a server, changes over",
        ]
        client = engine.client()
        wrong = "ALTER TABLE prisme.sessions UPDATE pageviews = pageviews + 1 WHERE 1"
        client.execute(wrong, settings={"mutations_sync": 2})
        assert main([*words, "--finish", "--quiet"]) == 1
        told = capsys.readouterr().out
        assert "DIFFERENT: sessions of 2023-11: pageviews is 60 in DuckDB, 90 in ClickHouse\n" in told
        assert "they differ: run this again" in told
        assert main([*words, "--json"]) == 0
        read = json.loads(capsys.readouterr().out)
        assert (read["copied"], read["deleted"], read["is_equal"], len(read["months"])) == (30, 30, True, 7)
        assert main([*words, "--finish"]) == 0
        told = capsys.readouterr().out
        assert "all is equal and moved: start the server with eventstore = clickhouse\n" in told
        assert f"{folder / 'prisme.duckdb.moved'} has all as it was before (" in told
        assert move(configure(folder, engine, "prisme", "clickhouse"), "duckdb", finish=True).is_finished
        client.close()
    assert main(words[:1]) == 2
    assert main([*words, "--finished"]) == 2
