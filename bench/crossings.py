"""How many files one pageview crosses, from Granian's thread to its answer: what whoever reads the code has to follow.

`python -m bench.crossings` prints the way of a visitor's first and second pageview on a page that others saw before.
A file is one of Prisme's; a switch is a call of a function in another file than the call before it.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import prisme
from bench.stages.visitor import make_scope
from bench.stages.work import Wired, wire
from prisme.web.server import Batching

MOST_FILES = 14
MOST_SWITCHES = 28

_PACKAGE = Path(prisme.__file__).parent
_WARM_UP = range(100)
_VISITOR = 7_000


class Way(NamedTuple):
    """The way of one pageview: the files whose functions were called, in order, without repetitions in a row."""

    name: str
    status: int
    stops: list[str]

    @property
    def files(self) -> int:
        """Different files."""
        return len(set(self.stops))

    @property
    def switches(self) -> int:
        """Calls of a function in another file than the call before it."""
        return len(self.stops) - 1


class _Connection:
    """Stands for Granian's side of a request: the messages that are sent go to a list."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.proto = self
        self.sent: list[dict[str, Any]] = []
        self.send = self.sent.append

    def err(self, error: Exception) -> None:
        """Granian would answer 500."""
        raise error


def trace() -> list[Way]:
    """The ways of a first and a second pageview of one visitor."""
    return asyncio.run(_trace())


async def _trace() -> list[Way]:
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        wired = wire(folder, closing)
        batching = Batching(wired.app)
        for number in _WARM_UP:
            for step in range(2):
                _answer(batching, number, step)
        wired.access_log.flush()
        ways = [_follow(wired, batching, name, step) for step, name in enumerate(("first", "second"))]
        await wired.services.journal.close()
        return ways


def _follow(wired: Wired, batching: Batching, name: str, step: int) -> Way:
    calls: list[str] = []
    with _calls_to(calls):
        status = _answer(batching, _VISITOR, step)
    wired.access_log.flush()
    return Way(f"{name} pageview", status, [file for file, _ in groupby(calls)])


@contextmanager
def _calls_to(calls: list[str]) -> Iterator[None]:
    def profile(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(_PACKAGE):
            calls.append(str(path.relative_to(_PACKAGE)))

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def _answer(batching: Batching, number: int, step: int) -> int:
    connection = _Connection(make_scope(number, step))
    batching._read = batching._app.read  # as after `check`
    batching._schedule(connection)
    batching._answer_received()
    status: int = connection.sent[0]["status"]
    return status


if __name__ == "__main__":
    for way in trace():
        print(
            f"{way.name}: {way.files} files (at most {MOST_FILES}), {way.switches} switches (at most {MOST_SWITCHES})"
        )
        print("  " + " > ".join(way.stops))
