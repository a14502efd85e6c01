"""A server for floods; the results of all faults, as the table of docs/reliability.md."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.faults.load import Outcome, Report
from tests.faults.resources import flood_server
from tests.process import Process


class Fault(NamedTuple):
    """`seconds` is the longest that it took until all was well, once the cause was gone."""

    times: int
    outcome: Outcome
    seconds: float


# One line each, of all tests that try the same.
_FAULTS: dict[str, Fault] = {}


@pytest.fixture
def report() -> Report:
    """Note a fault's figures. The test fails where anything is lost or there twice, or where nothing was tried."""

    def note(name: str, times: int, outcome: Outcome, seconds: float) -> None:
        before = _FAULTS.get(name, Fault(0, Outcome(0, 0, 0, 0), 0.0))
        sums = Outcome(*map(sum, zip(before.outcome, outcome, strict=True)))
        _FAULTS[name] = Fault(before.times + times, sums, max(before.seconds, seconds))
        assert outcome == (outcome.accepted, outcome.accepted, 0, 0)
        assert outcome.accepted > 0

    return note


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server of its own process, which must live through all of this."""
    with flood_server(tmp_path_factory.mktemp("floods") / "data") as started:
        started.start()
        yield started
        assert started.stop() == 0
        assert [line["msg"] for line in started.log() if line["level"] >= 50] == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, for docs/reliability.md."""
    if not _FAULTS:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line("| fault | times | accepted | stored | lost | duplicated | seconds to recover |")
    terminalreporter.write_line("|---|--:|--:|--:|--:|--:|--:|")
    for name, fault in _FAULTS.items():
        numbers = " | ".join(f"{number:,}" for number in (fault.times, *fault.outcome))
        terminalreporter.write_line(f"| {name} | {numbers} | {fault.seconds:.1f} |")
