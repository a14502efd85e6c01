"""The bench's README: its commands exist, and it has each measure, build figure and tracker."""

import importlib.util
import re

import pytest

from bench.builds.__main__ import WHATS as OF_BUILDS
from bench.endurance.result import WHATS as OF_ENDURANCE
from bench.peers.tracker import TRACKERS
from bench.table import README
from bench.wrk import works

TEXT, _, _ = README.read_text().partition("<!-- results:")


def test_commands_exist() -> None:
    modules = set(re.findall(r"python -m (bench[\w.]*)", TEXT))
    assert modules >= {
        "bench", "bench.builds", "bench.endurance", "bench.eventstores", "bench.stages", "bench.seed", "bench.paint",
    }  # fmt: skip
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


def test_each_part_has_a_command_in_the_first_table() -> None:
    told = re.findall(r"^\| \[`python -m (bench[\w.]*)[^\]]*\]\(#([\w-]+)\)", TEXT, re.MULTILINE)
    sections = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.*)$", TEXT, re.MULTILINE)}
    assert {section for _, section in told} <= sections
    assert {module for module, _ in told} >= {"bench", "bench.builds", "bench.endurance"}


@pytest.mark.parametrize(
    ("names", "form"),
    [
        (OF_BUILDS, "| `{}` |"),
        (OF_ENDURANCE, "\npython -m bench.endurance {} "),
        (TRACKERS, "| `{}` |"),
        (works(), "`{}`"),
    ],
    ids=["builds", "endurance", "trackers", "works"],
)
def test_each_is_told(names: list[str], form: str) -> None:
    assert [name for name in names if form.format(name) not in TEXT] == []
