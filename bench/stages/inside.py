"""The process that valgrind counts: runs the stages, and stops before and after each for the counter to be read.

Not for use by itself: `count.py` starts it. On its output it says where it stands, and waits for a byte of input.
"""

import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.stages.work import BATCH, Call, Stage, stages, wire

# So many pageviews before those that count: Python 3.11 and later rewrite their own code after a few calls.
WARM_UP = 6 * BATCH
COUNTED = 12 * BATCH
EMPTY = "empty"
# What it says: when all is warm, before and after each stage (whose name follows), and when there is no other.
READY, BEGIN, END, DONE = "ready", "begin ", "end", "done"
# A stage's visitors are its own, and the same ones whichever other stages there are.
_APART = 2048


class WrongOutcomeError(Exception):
    """A stage did not do its work: what it costs means nothing."""


def main(words: Sequence[str]) -> None:
    """Run the named stages, or all, in an empty folder that is removed."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(Path(folder), words))


async def _run(folder: Path, names: Sequence[str]) -> None:
    with ExitStack() as closing:
        wired = wire(folder, closing)
        everything = {stage.name: (number, stage) for number, stage in enumerate(stages(wired))}
        numbered = [everything[name] for name in names or everything]
        gc.collect()
        gc.freeze()
        gc.disable()
        for number, stage in numbered:
            _warm_up(stage, range(number * _APART, number * _APART + WARM_UP))
        _pause(READY)
        _pause(BEGIN + EMPTY)
        _pause(END)
        for number, stage in numbered:
            first = number * _APART + WARM_UP
            calls, before = stage.calls(range(first, first + COUNTED)), wired.lines
            _check(stage, [_count(calls, stage)])
            if wired.lines - before != COUNTED * stage.lines:
                raise WrongOutcomeError(f"{stage.name}: {wired.lines - before} lines in the journal")
        _pause(DONE)


def _warm_up(stage: Stage, numbers: range) -> None:
    calls = stage.calls(numbers)
    _check(stage, [stage.call(*call) for call in calls])
    stage.finish()


def _check(stage: Stage, outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        if not stage.fine(outcome):
            raise WrongOutcomeError(f"{stage.name}: {outcome!r}")


def _count(calls: list[Call], stage: Stage) -> object:
    """Make the calls between two pauses; gives the last outcome."""
    call, finish, outcome = stage.call, stage.finish, None
    _pause(BEGIN + stage.name)
    for arguments in calls:
        outcome = call(*arguments)
    finish()
    _pause(END)
    return outcome


def _pause(word: str) -> None:
    os.write(1, f"{word}\n".encode())
    os.read(0, 1)


if __name__ == "__main__":
    main(sys.argv[1:])
