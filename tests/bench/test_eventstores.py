"""Event stores side by side: figures of rounds, what was stored in ClickHouse, and a short run."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from bench import table as tables
from bench.builds.result import Reach, compare
from bench.check import check_stored
from bench.contest import Tally
from bench.eventstores import rates, table
from bench.eventstores.__main__ import main
from bench.eventstores.result import EventStores, is_eventstores, read
from bench.result import save
from bench.wrk import Load
from prisme.store.clickhouse.tables import Place
from tests.bench.outcomes import make_round
from tests.clickhouse.engine import Engine
from tests.faults.load import LONG
from tests.requirements import need
from tests.stats.lines import make_lines
from tests.store.clickhouse.node_store import NodeStore

MACHINE = {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"}


def store(name: str, engine_cpu: list[float], **changes: Any) -> rates.Store:
    """A server that has had rounds."""
    tally = Tally(cast(Any, SimpleNamespace(name=name)))
    tally.rounds = [msgspec.structs.replace(make_round(), **changes) for _ in engine_cpu]
    return rates.Store(tally, cast(Any, None), Path(), None, engine_cpu)


def test_figures_tell_the_cpu_of_clickhouse_apart() -> None:
    duckdb, clickhouse = (
        store("duckdb", [0.0, 0.0]),
        store("clickhouse", [0.1, 0.3], server_cpu=0.55, load_seconds=1.25),
    )
    rows = table.render(run(rates.conclude(Load("pageviews", 5), duckdb, clickhouse))).splitlines()
    assert "| pageviews, top rate: accepted, a second | 1,000 | 800 | 0.80 | ratio at least 0.9: NOT MET |" in rows
    assert "| pageviews, top rate: CPU of Prisme for each, us | 500 | 550 | 1.10 | - |" in rows
    assert "| pageviews, top rate: CPU of ClickHouse for each, us | 0.00 | 200 | - | - |" in rows


def test_a_rate_below_the_top_has_nothing_to_reach() -> None:
    figures = rates.conclude(Load("custom", 5, rate=2000), store("duckdb", [0.0]), store("clickhouse", [0.1]))
    assert figures[0].what == "custom, 2,000 a second: accepted"
    assert [one.met for one in figures] == [None] * len(figures)


def run(figures: list[Any], at: str = "2026-12-01 06:00 UTC") -> EventStores:
    return EventStores(at, MACHINE, {"python": "3.11.1"}, {"rounds": 1}, figures, ["A note."], [])


def test_the_latest_kept_run_is_in_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    figure = compare("a", "s", ([4.0], [1.0]), Reach(0.25))
    runs = [run([figure]), run([figure], "2026-12-02 06:00 UTC")]
    paths = [save(one, f"{name}-eventstores") for one, name in zip(runs, "ba", strict=True)]
    assert all(map(is_eventstores, paths))
    assert [read(path) for path in paths] == runs
    assert tables.section(paths) == table.render(runs[1])


def test_rows_in_clickhouse_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.eventstores.rates.SITE", "shop.example.com:8080")
    with Engine(tmp_path / "engine") as engine:
        client = engine.client()
        lines = [line for line in make_lines(1, 60) if b'"shop.example.com:8080"' in line]
        half = len(lines) // 2  # most visits have states in both
        with NodeStore(tmp_path / "node", client, Place("prisme")) as node:
            for number, part in enumerate((lines[:half], lines[half:]), 1):
                node.load(number, part)
        client.close()
        tally = Tally(cast(Any, SimpleNamespace(name="clickhouse")))
        kinds = {"pageviews": "pageview", "events_custom": "custom"}
        kinds |= {"file_downloads": "download", "outbound_link_clicks": "outbound"}
        tally.rows = Counter(
            {name: sum(f'"kind":"{kind}"'.encode() in one for one in lines) for name, kind in kinds.items()}
        )
        stored = rates.count_in_clickhouse(engine, tally, 0.0)
        assert check_stored(stored) == []
        assert stored.pageviews > stored.sessions > 0
        tally.rows["pageviews"] += 1
        assert len(check_stored(rates.count_in_clickhouse(engine, tally, 0.0))) == 1


@pytest.mark.skipif(not LONG, reason="runs servers for a minute: PRISME_TEST_LONG=1 does")
def test_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    assert main(["--quick", "--work", "custom"]) == 0
    kept = read(tmp_path / "latest-eventstores.json")
    assert kept.failures == []
    assert len(kept.figures) == 10
    assert "DuckDB | ClickHouse" in capsys.readouterr().out


def test_unknown_work_is_wrong_usage() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--work", "nothing"])
