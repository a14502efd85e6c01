"""The soak: what it concludes from its parts, and a run of a few seconds."""

from pathlib import Path

import msgspec
import pytest

from bench.endurance import soak, table
from bench.endurance.result import Endurance, read
from bench.figures.reader import Answer
from bench.trend import Sample
from tests.bench.outcomes import REPORT, by_name
from tests.faults.load import LONG
from tests.requirements import need

MACHINE = {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"}


def make_parts(memories: list[int], fault: str = "") -> list[soak.Part]:
    """Ten parts of a minute, with this memory (MB) at their ends, and two dashboards in each."""
    answers = [Answer(0.0, 0.2, ""), Answer(1.0, 0.4, fault)]
    return [soak.Part(60.0, 50.0, REPORT, memory * 1_000_000, 300_000_000, 5_000, 30.0, answers) for memory in memories]


def conclude(parts: list[soak.Part]) -> Endurance:
    samples = [Sample(60.0 * number, part.memory) for number, part in enumerate(parts, 1)]
    outcome = soak.conclude(soak.Plan(10), soak.Soak(parts, samples, 1), "Stored all.", [])
    return Endurance("soak", "2026-11-30 06:00 UTC", MACHINE, {}, {}, outcome)


@pytest.mark.parametrize(
    ("memories", "fault", "missed"),
    [
        ([100, 150, 200, 204, 202, 200, 203, 204, 201, 203], "", []),
        ([100, 150, 200, 200, 202, 204, 206, 208, 210, 212], "", ["growth of the memory in the last three fifths"]),
        ([200] * 10, "status 503", ["dashboards"]),
    ],
    ids=["flat", "grows by two a minute", "a dashboard failed"],
)
def test_targets(memories: list[int], fault: str, missed: list[str]) -> None:
    run = conclude(make_parts(memories, fault))
    assert run.missed == missed
    assert by_name(run.outcome, "accepted").value == pytest.approx(REPORT.accepted / 50)
    assert by_name(run.outcome, "p95 of dashboards").value == pytest.approx(400)
    assert [note for note in run.outcome.notes if "status 503" in note] == [f"Not answered: {fault}"] * (
        3 * bool(fault)
    )


def test_each_part_is_a_row() -> None:
    lines = table.render(conclude(make_parts(list(range(100, 200, 10))))).splitlines()
    assert "| 1.0 | 100 | 300 | 3.00 | 400 | 0.01 | 0.50 |" in lines
    assert "| 10.0 | 190 | 300 | 3.00 | 400 | 0.01 | 0.50 |" in lines


def test_run_survives_its_file(tmp_path: Path) -> None:
    run = conclude(make_parts([200] * 10))
    path = tmp_path / "one-soak.json"
    path.write_bytes(msgspec.json.encode(run))
    assert read(path) == run


@pytest.mark.skipif(not LONG, reason="runs for a minute: PRISME_TEST_LONG=1 does")
def test_soak(monkeypatch: pytest.MonkeyPatch) -> None:
    need("wrk", "wrk")
    monkeypatch.setattr(soak, "PARTS", 60)  # of a second each
    monkeypatch.setattr(soak, "REFRESH", 0.5)
    outcome = soak.run(soak.Plan(1, 50, 20_000), lambda _: None)
    assert outcome.failures == []
    assert by_name(outcome, "accepted").value > 0
