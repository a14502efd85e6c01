"""Two builds side by side: what is to be reached, worktrees and packages, the small machine; then a run of each."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.builds import checkout, control_group, dashboards, journal, memory, rates, table
from bench.builds.__main__ import main
from bench.builds.checkout import Build, CheckoutError, checkouts, differing_pins, read_pins
from bench.builds.result import Builds, Figure, Reach, compare, is_builds, read
from bench.result import save
from bench.seed import SeedError
from bench.trend import Sample, growth
from tests.checkout import ROOT
from tests.faults.load import LONG
from tests.requirements import miss, need

MACHINE = {"cpu": "A CPU", "cores": "2", "memory": "8.0 GiB", "kernel": "Linux 6", "filesystem": "ext4"}
slow = pytest.mark.skipif(not LONG, reason="seeds and starts servers for a minute: PRISME_TEST_LONG=1 does")


def make_run(at: str, *figures: Figure) -> Builds:
    return Builds(at, MACHINE, {"python": "3.11.1"}, {}, list(figures), ["A note."], [], ("aaa", "bbb"))


@pytest.mark.parametrize(
    ("figure", "met", "row"),
    [
        (compare("a", "s", ([4.0, 2.0, 2.0], [2.0, 1.0, 4.0])), None, "| a, s | 2.00 | 2.00 | 0.50 | - |"),
        (compare("a", "s", ([4.0], [1.0]), Reach(0.25)), True,
         "| a, s | 4.00 | 1.00 | 0.25 | ratio at most 0.25: met |"),
        (compare("a", "s", ([4.0], [2.0]), Reach(0.25)), False,
         "| a, s | 4.00 | 2.00 | 0.50 | ratio at most 0.25: NOT MET |"),
        (compare("a", "/s", ([10.0], [13.0]), Reach(1.35, least=True)), False,
         "| a, /s | 10.0 | 13.0 | 1.30 | ratio at least 1.35: NOT MET |"),
        (compare("a", "MB", ([10.0], [1.0]), Reach(1.0, "newer")), True,
         "| a, MB | 10.0 | 1.00 | 0.10 | at most 1: met |"),
        (compare("a", "s", ([0.0], [1.0]), Reach(0.25)), False,
         "| a, s | 0.00 | 1.00 | - | ratio at most 0.25: NOT MET |"),
        (compare("a", "s", ([9.0], [1.0]), None, ([500], [200])), True,
         "| a, s | 9.00 [500] | 1.00 | - | all 200: met |"),
        (compare("a", "s", ([9.0, 9.0], [1.0, 1.0]), Reach(0.25), ([200, 200], [200, 0])), False,
         "| a, s | 9.00 | 1.00 [200 none] | - | ratio at most 0.25: NOT MET |"),
    ],
    ids=["ratio of rounds", "met", "missed", "at least", "of the newer", "by nothing", "statuses", "no response"],
)  # fmt: skip
def test_reach(figure: Figure, met: bool | None, row: str) -> None:
    run = make_run("2026-11-30 06:00 UTC", figure)
    assert figure.met is met
    assert run.missed == (["a"] if met is False else [])
    lines = table.render(run).splitlines()
    assert row in lines
    assert "- Builds aaa and bbb." in lines


def test_history_has_a_column_for_each_day_and_the_latest_figure_of_a_day() -> None:
    first, again, later = (compare("a", "s", ([4.0], [newer])) for newer in (1.0, 2.0, 3.0))
    other = compare("b", "s", ([1.0], [1.0]))
    runs = [
        make_run("2026-12-01 09:00 UTC", later),
        make_run("2026-11-30 08:00 UTC", again, other),
        make_run("2026-11-30 07:00 UTC", first),
    ]
    assert table.history(runs).splitlines()[2:6] == [
        "| older → newer (ratio) | 2026-11-30 | 2026-12-01 | reach, by the latest |",
        "| --- | --: | --: | --- |",
        "| a, s | 4.00 → 2.00 (0.50) | 4.00 → 3.00 (0.75) | - |",
        "| b, s | 1.00 → 1.00 (1.00) | - | - |",
    ]


def test_run_survives_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.result.RESULTS", tmp_path)
    run = make_run("2026-11-30 06:00 UTC", compare("a", "s", ([4.0], [1.0]), Reach(0.25), ([200], [200])))
    path = save(run, "day-builds")
    assert is_builds(path)
    assert read(path) == run


def test_pins_are_those_that_prisme_runs_with() -> None:
    pins = read_pins(ROOT)
    assert pins.keys() >= {"granian", "duckdb", "uvloop", "click", "ua-parser-rs"}
    assert not pins.keys() & {"pytest", "ruff", "mypy", "pip"}
    assert differing_pins(ROOT) == []


def make_checkout(folder: Path) -> Path:
    """A repository that looks like a checkout, but pins another DuckDB and another pytest; one commit."""
    (folder / "prisme").mkdir(parents=True)
    (folder / "prisme" / "__main__.py").touch()
    (folder / ".ci").mkdir()
    lock = "\n".join(
        "duckdb==1.9.9" if line.startswith("duckdb==") else "pytest==1.0" if line.startswith("pytest==") else line
        for line in (ROOT / ".ci" / "lock.txt").read_text().splitlines()
    )
    (folder / ".ci" / "lock.txt").write_text(lock)
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    git = [need("git", "git"), "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *words], check=True)
    return folder


def test_other_pins_are_told(tmp_path: Path) -> None:
    assert differing_pins(make_checkout(tmp_path / "other")) == ["duckdb 1.9.9"]


def test_worktrees_are_removed_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = make_checkout(tmp_path / "repository")
    monkeypatch.setattr(checkout, "ROOT", repository)
    (tmp_path / "work").mkdir()

    def interrupt(older: Build, newer: Build) -> None:
        assert older.root.parent == tmp_path / "work"
        assert (older.root / "prisme" / "__main__.py").exists()
        assert newer.root == repository
        assert (older.name, newer.name, older.pins, older.python) == ("older", "newer", [], sys.executable)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), checkouts("HEAD", "", tmp_path / "work") as builds:
        interrupt(*builds)
    assert list((tmp_path / "work").iterdir()) == []
    listed = subprocess.run(["git", "-C", repository, "worktree", "list"], capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1


def test_unknown_revision_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    need("git", "git")
    assert main(["no-such-revision"]) == 2
    assert "no-such-revision" in capsys.readouterr().err


def test_environment_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = make_checkout(tmp_path / "repository")
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(CheckoutError, match="cannot be installed"), checkouts(str(repository), "", tmp_path):
        pass


def test_growth_is_of_the_last_three_fifths() -> None:
    rising = [Sample(float(second), 1_000_000 * second) for second in range(40)]
    flat = [Sample(float(second), 40_000_000) for second in range(40, 101)]
    assert growth(rising + flat, 100) == pytest.approx(0)
    assert growth(rising, 40) == pytest.approx(60)
    assert growth(rising[:1], 40) == 0


def test_program_in_a_control_group_has_no_more_memory() -> None:
    with control_group.limited(64 << 20) as prefix:
        if prefix is None:
            miss("no control group can be made here: run as root, with a writable /sys/fs/cgroup")
        for megabytes, survives in ((8, True), (256, False)):
            program = f"data = bytearray({megabytes << 20}); data[::4096] = bytes(len(data[::4096]))"
            done = subprocess.run([*prefix, sys.executable, "-c", program], capture_output=True)
            assert (done.returncode == 0) is survives
    assert not Path(prefix[-1]).exists()


def of_this_checkout() -> tuple[Build, Build]:
    return Build("older", "a", ROOT, sys.executable, []), Build("newer", "b", ROOT, sys.executable, [])


@slow
def test_rates_of_the_same_checkout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    need("wrk", "wrk")
    need("git", "git")
    monkeypatch.setattr(rates, "WARM_UP_SECONDS", 1)
    words = ["--what", "rates", "--work", "preflight", "--rounds", "1", "--round-seconds", "1"]
    assert main([str(ROOT), *words]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "| preflight: rate by bare, ratio |" in said.out


@slow
def test_disk_of_the_same_checkout() -> None:
    part = journal.run_disk(of_this_checkout(), 1_000, lambda _: None)
    assert part.failures == []
    assert [one.ratio for one in part.figures] == [pytest.approx(1, abs=0.2)] * 2


def test_folder_that_another_build_has_seeded_stays_as_it_is(tmp_path: Path) -> None:
    marker = tmp_path / "seed.json"
    marker.write_text('{"generator": 1}')
    with pytest.raises(SeedError, match="was seeded by generator 1"):
        dashboards.run(of_this_checkout(), dashboards.Plan(20_000, tmp_path, 1, 1), print)
    assert list(tmp_path.iterdir()) == [marker]


@slow
def test_start_and_memory_of_the_same_checkout() -> None:
    need("wrk", "wrk")
    builds = of_this_checkout()
    parts = [journal.run_start(builds, 1_000, 1, print), memory.run_idle(builds, 1, print)]
    parts.append(memory.run_peak(builds, 2, print))
    assert [part.failures for part in parts] == [[]] * 3


@slow
def test_dashboards_of_the_same_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboards, "QUESTIONS", {"a year": dashboards.QUESTIONS["a year"]})
    one, two = dashboards.run(of_this_checkout(), dashboards.Plan(20_000, None, 1, 1), print)
    assert one.failures == []
    assert [figure.statuses for figure in one.figures + two.figures] == [None, *[([200], [200])] * 3]
    assert two.notes[1:] == []
