"""What the faults came to, as the table of docs/reliability.md."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.faults.load import Outcome


class Fault(NamedTuple):
    """One line: `seconds` is the longest that it took until all was well, once the cause was gone."""

    name: str
    times: int
    outcome: Outcome
    seconds: float


_FAULTS: list[Fault] = []


@pytest.fixture
def report() -> Callable[[str, int, Outcome, float], None]:
    """Note a fault's figures. The test fails where anything is lost or there twice, or where nothing was tried."""

    def note(name: str, times: int, outcome: Outcome, seconds: float) -> None:
        _FAULTS.append(Fault(name, times, outcome, seconds))
        assert outcome == (outcome.accepted, outcome.accepted, 0, 0)
        assert outcome.accepted > 0

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, for docs/reliability.md."""
    if not _FAULTS:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line("| fault | times | accepted | stored | lost | duplicated | seconds to recover |")
    terminalreporter.write_line("|---|--:|--:|--:|--:|--:|--:|")
    for fault in _FAULTS:
        numbers = " | ".join(f"{number:,}" for number in (fault.times, *fault.outcome))
        terminalreporter.write_line(f"| {fault.name} | {numbers} | {fault.seconds:.1f} |")
