"""`prisme grafana-dashboard`: the dashboard on standard output, or in a file."""

import json
from pathlib import Path

import pytest

from prisme.cli.grafana_dashboard import make_parser
from prisme.cli.main import main
from prisme.stats.grafana.dashboard import SOURCES, build_dashboard_model


def test_default_is_the_stats_api(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grafana-dashboard"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == build_dashboard_model("stats-api")
    assert err == ""


def test_sources_are_all_there() -> None:
    (choices,) = (list(one.choices) for one in make_parser()._actions if one.choices)
    assert choices == list(SOURCES)


def test_output_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "prisme.json"
    assert main(["grafana-dashboard", "--source", "clickhouse", "--output", str(path)]) == 0
    assert capsys.readouterr() == ("", "")
    assert json.loads(path.read_text()) == build_dashboard_model("clickhouse")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing" / "prisme.json"
    assert main(["grafana-dashboard", "--output", str(path)]) == 1
    assert capsys.readouterr().err == f"prisme grafana-dashboard: cannot write {path}: No such file or directory\n"


def test_an_unknown_source_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grafana-dashboard", "--source", "duckdb"]) == 2
    assert "stats-api" in capsys.readouterr().err
