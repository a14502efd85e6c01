"""The guard in instructions: its judgement, its exit codes, and a count of two stages by valgrind."""

from pathlib import Path

import pytest

from bench.stages import __main__ as command
from bench.stages.compare import COMMITTED, REFERENCE, Figures, compare, describe, read, render, write
from bench.stages.count import CountError, count
from bench.stages.work import Call, Stage
from tests.faults.load import LONG
from tests.requirements import need

HERE = {"python": "3.11.7", "build": "GCC 12.2.0", "architecture": "x86_64", "valgrind": "3.19.0"}
FIGURES = Figures(HERE, {REFERENCE: 50_000, "scan": 10_000, "encode": 8_000})
NEW_FIGURES = "python -m bench.stages --commit"


def figures(machine: dict[str, str] | None = None, **stages: int) -> Figures:
    """The committed ones with some changes."""
    return Figures(HERE | (machine or {}), FIGURES.stages | stages)


@pytest.mark.parametrize(
    ("scan", "failures", "remarks"),
    [(11_100, 1, 0), (10_900, 0, 0), (10_000, 0, 0), (9_100, 0, 0), (8_900, 0, 1)],
    ids=["11% dearer", "9% dearer", "the same", "9% cheaper", "11% cheaper"],
)
def test_stage_may_vary_by_a_tenth(scan: int, failures: int, remarks: int) -> None:
    comparison = compare(FIGURES, figures(scan=scan))
    assert (len(comparison.failures), len(comparison.remarks)) == (failures, remarks)
    assert all(said.startswith("scan: ") for said in comparison.failures + comparison.remarks)


def test_failure_says_what_to_do() -> None:
    (failure,) = compare(FIGURES, figures(scan=11_100)).failures
    assert failure.startswith("scan: +11% instructions")
    assert "make it cheaper" in failure
    assert NEW_FIGURES in failure
    assert "say so in the commit" in failure


def test_new_stage_is_told() -> None:
    (failure,) = compare(FIGURES, figures(append=5_000)).failures
    assert failure.startswith("append: no figure is committed")
    assert NEW_FIGURES in failure


def test_stage_that_is_gone_is_told() -> None:
    now = Figures(HERE, {REFERENCE: 50_000, "scan": 10_000})
    (failure,) = compare(FIGURES, now).failures
    assert failure.startswith("encode: committed, but no stage any more")


@pytest.mark.parametrize(
    "machine",
    [{"python": "3.12.1"}, {"build": "GCC 14.1.0"}, {"architecture": "aarch64"}],
    ids=["version", "build", "architecture"],
)
@pytest.mark.parametrize(("scan", "failures"), [(5_600, 0), (5_900, 0), (6_100, 1)], ids=["+12%", "+18%", "+22%"])
def test_other_python_is_scaled_and_has_more_room(machine: dict[str, str], scan: int, failures: int) -> None:
    comparison = compare(FIGURES, figures(machine, reference=25_000, scan=scan, encode=4_000))
    assert comparison.scale == 0.5
    assert len(comparison.failures) == failures
    ratios = {row.name: row.ratio for row in comparison.rows}
    assert ratios == {REFERENCE: 1.0, "scan": scan / 5_000, "encode": 1.0}


def test_other_valgrind_is_no_other_python() -> None:
    assert compare(FIGURES, figures({"valgrind": "3.24.0"}, scan=11_100)).failures


def test_python_whose_reference_is_off_is_another_one() -> None:
    assert compare(FIGURES, figures(reference=50_900)).scale == 1.0
    assert compare(FIGURES, figures(reference=51_100)).scale == 1.022


@pytest.mark.parametrize(
    "line",
    [
        "| scan | 11,100 | 10,000 | 1.110 | 0.22 |",
        "| append | 5,000 | - | - | 0.10 |",
        "Now: Python 3.11.7 (GCC 12.2.0) on x86_64, valgrind 3.19.0.",
    ],
)
def test_table_has(line: str) -> None:
    now = figures(scan=11_100, append=5_000)
    assert line in render(compare(FIGURES, now), FIGURES, now).splitlines()


def test_table_tells_of_another_python() -> None:
    now = figures({"python": "3.12.1"}, reference=55_000)
    assert "count 1.100 times" in render(compare(FIGURES, now), FIGURES, now)
    assert "Another Python" not in render(compare(FIGURES, FIGURES), FIGURES, FIGURES)


def test_figures_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "committed.json"
    assert read(path) is None
    write(FIGURES, path)
    assert read(path) == FIGURES


def test_committed_figures_are_whole() -> None:
    committed = read(COMMITTED)
    assert committed is not None
    assert set(committed.machine) == set(describe(""))
    assert {
        REFERENCE,
        "scan",
        "encode",
        "append",
        "whole, new session, alone",
        "whole, new session, batch of 32",
    } <= set(committed.stages)
    assert all(figure > 0 for figure in committed.stages.values())


@pytest.mark.parametrize(
    ("words", "scan", "code", "kept"),
    [
        ([], 11_100, 0, 10_000),
        (["--check"], 11_100, 1, 10_000),
        (["--check"], 10_900, 0, 10_000),
        (["--check"], 8_900, 0, 10_000),
        (["--commit"], 11_100, 0, 11_100),
    ],
    ids=["look", "dearer", "as it was", "cheaper", "commit"],
)
def test_exit_code(
    words: list[str], scan: int, code: int, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "committed.json"
    write(FIGURES, path)
    monkeypatch.setattr(command, "COMMITTED", path)
    monkeypatch.setattr(command, "missing", lambda: "")
    monkeypatch.setattr(command, "valgrind_version", lambda: "3.19.0")
    monkeypatch.setattr(command, "describe", lambda _: HERE)
    monkeypatch.setattr(command, "count", lambda: figures(scan=scan).stages)
    assert command.main(words) == code
    written = read(path)
    assert written is not None
    assert written.stages["scan"] == kept


def test_without_valgrind_nothing_is_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert command.main(["--check"]) == 2
    assert "apt install valgrind" in capsys.readouterr().err


def test_batched_calls_get_lists() -> None:
    def prepare(numbers: range) -> list[Call]:
        return [(n, -n) for n in numbers]

    alone = Stage("alone", min, prepare, bool)
    assert alone.calls(range(1, 5)) == [(1, -1), (2, -2), (3, -3), (4, -4)]
    assert alone._replace(batch=2).calls(range(1, 5)) == [([1, 2], [-1, -2]), ([3, 4], [-3, -4])]


@pytest.mark.skipif(not LONG, reason="takes half a minute; .ci/run counts all stages, PRISME_TEST_LONG=1 these two")
def test_count_by_valgrind() -> None:
    need("valgrind", "valgrind")
    figures = count(REFERENCE, "encode")
    assert list(figures) == [REFERENCE, "encode"]
    # Whichever Python it is: a few hundred of its steps, and a line of 500 bytes written by C, which is less.
    assert 10_000 < figures[REFERENCE] < 200_000
    assert 2_000 < figures["encode"] < figures[REFERENCE]


def test_stages_that_end_too_early_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", need("false", "coreutils"))
    need("valgrind", "valgrind")
    with pytest.raises(CountError, match="the stages ended too early"):
        count()
