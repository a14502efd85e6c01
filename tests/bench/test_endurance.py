"""Endurance: its results and targets, its command, and the traffic that it makes."""

from pathlib import Path

import msgspec
import pytest

from bench.endurance import __main__ as command
from bench.endurance import child, growth, memory, table
from bench.endurance.result import WHATS, Endurance, Figure, Outcome, compare, is_endurance, read
from bench.result import save
from bench.server import ServerError
from tests.requirements import need

MACHINE = {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"}


def make_run(*figures: Figure, failures: tuple[str, ...] = ()) -> Endurance:
    outcome = Outcome(("without", "with"), list(figures), ["A note."], list(failures))
    return Endurance("disk", "2026-11-26 10:00 UTC", MACHINE, {"python": "3.11.1"}, {"events": 3}, outcome)


@pytest.mark.parametrize(
    ("figure", "met", "row"),
    [
        (Figure("a", "s", 4.0), True, "| a, s | - | 4.00 | - | - |"),
        (Figure("a", "s", 5.0, most=5.0), True, "| a, s | - | 5.00 | - | s at most 5: met |"),
        (Figure("a", "s", 5.1, 1.0, 5.1, 5.0), False, "| a, s | 1.00 | 5.10 | 5.10 | s at most 5: NOT MET |"),
        (compare("a", "MB", 130, 100, most=1.3), True, "| a, MB | 100 | 130 | 1.30 | ratio at most 1.3: met |"),
        (compare("a", "MB", 26, 20, ratio=1.4, most=1.3), False,
         "| a, MB | 20.0 | 26.0 | 1.40 | ratio at most 1.3: NOT MET |"),
        (compare("a", "MB", 1, 0, most=1.3), False, "| a, MB | 0.00 | 1.00 | - | ratio at most 1.3: NOT MET |"),
    ],
    ids=["no target", "met", "missed", "ratio", "ratio of rounds", "by nothing"],
)  # fmt: skip
def test_targets(figure: Figure, met: bool, row: str) -> None:
    run = make_run(figure)
    assert figure.met is met
    assert run.missed == ([] if met else ["a"])
    lines = table.render(run).splitlines()
    assert row in lines
    assert lines[2] == "|  | without | with | ratio | target |"
    assert "- A note." in lines


def test_summary_has_each_target() -> None:
    figures = [compare("a", "MB", 130, 100, most=1.3), Figure("b", "s", 5.1, most=5.0), Figure("c", "s", 9.0)]
    assert table.summary([make_run(*figures)]).splitlines()[2:] == [
        "| what lasts | measured | beside | ratio | target | met? | run |",
        "| --- | --: | --: | --: | --- | --- | --- |",
        "| disk: a, MB | 130 | 100 | 1.30 | ratio at most 1.3 | met | 2026-11-26 10:00 UTC |",
        "| disk: b, s | 5.10 | - | - | s at most 5 | NOT MET | 2026-11-26 10:00 UTC |",
    ]


def test_run_survives_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    run = make_run(compare("a", "s", 2, 1, most=1.0))
    assert read(save(run, "one")) == run


@pytest.mark.parametrize(
    ("name", "ours"),
    [("2026-11-26-disk", True), ("latest-tail", True), ("2026-11-26-figures", False), ("2026-11-26-pageviews", False)],
)
def test_results_are_known_by_their_names(name: str, ours: bool) -> None:
    assert is_endurance(Path(f"results/{name}.json")) is ours


@pytest.mark.parametrize(
    ("most", "failures", "code", "said"),
    [(3.0, (), 0, "all targets are met"), (1.0, (), 0, "targets NOT met: a"), (3.0, ("one is lost",), 1, "")],
    ids=["met", "missed", "failed"],
)
def test_exit_code_is_about_failures_alone(
    most: float, failures: tuple[str, ...], code: int, said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    assert command.finish(make_run(Figure("a", "s", 2.0, most=most), failures=failures), "kept") == code
    assert (tmp_path / "latest-disk.json").exists()
    assert (tmp_path / "kept-disk.json").exists() is not bool(failures)
    told = capsys.readouterr()
    assert said in told.out
    assert ("FAILED: one is lost" in told.err) is bool(failures)


@pytest.mark.parametrize(
    ("words", "plan"),
    [
        (["growth"], growth.Plan(20_000_000, 5, 20, 15_000)),
        (["growth", "--quick"], growth.QUICK),
        (["growth", "--quick", "--rounds=7"], msgspec.structs.replace(growth.QUICK, rounds=7)),
        (["memory", "--seconds", "9"], memory.Plan(9, 10)),
    ],
    ids=["defaults", "quick", "quick but", "one"],
)
def test_flags_make_a_plan(words: list[str], plan: object, monkeypatch: pytest.MonkeyPatch) -> None:
    need("wrk", "wrk")
    plans = []

    def stop(one: object, _: object) -> Outcome:
        plans.append(one)
        raise ServerError("enough")

    for what, measure in command.MEASURES.items():
        monkeypatch.setitem(command.MEASURES, what, measure._replace(run=stop))
    assert command.main(words) == 1
    assert plans == [plan]


@pytest.mark.parametrize("words", [[], ["speed"], ["disk", "--events=0"], ["disk", "--rounds=1"]])
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(words)
    assert stopped.value.code == 2
    assert "usage: python -m bench.endurance" in capsys.readouterr().err


def test_child_that_fails_is_told_of() -> None:
    with pytest.raises(ServerError, match=r"json\.tool ended with exit code [12]:"):
        child.run("json.tool", "/nowhere")


def test_all_measures_say_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert all(f"    {what} " in told for what in WHATS)
    assert set(command.MEASURES) == set(WHATS)
