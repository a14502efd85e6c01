"""`python -m bench.endurance.pulse FILE MODULE WORDS...`: `python -m MODULE WORDS...`, a server, with its pulse felt.

A task of the server's event loop sleeps for a millisecond over and over, and a thread beside it for ten, and both note
by how much they overslept: as long as something else held the loop, or Python's lock. `FILE` has a `Pulse` when the
server has stopped.
"""

import asyncio
import runpy
import sys
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop

BEAT = 0.001
# Each beat beside asks another thread for Python's lock: so often that it would be a load of its own, at a millisecond.
BESIDE = 0.01


class Beats(msgspec.Struct):
    """When each beat was, and how late; in seconds of the machine's monotonic clock, which all processes share."""

    at: list[float] = []
    late: list[float] = []

    def note(self, due: float) -> None:
        """Note a beat that was due at `due`, and is now."""
        now = time.monotonic()
        self.at.append(now)
        self.late.append(max(now - due, 0.0))

    def within(self, spans: list[tuple[float, float]]) -> list[float]:
        """How late beats were, in milliseconds and sorted; those of these spans of time."""
        found = zip(self.at, self.late, strict=True)
        return sorted(1000 * late for at, late in found if any(begin <= at <= end for begin, end in spans))


class Pulse(msgspec.Struct, frozen=True):
    """The beats of a server's event loop, and of the thread beside it."""

    loop: Beats
    thread: Beats


def read(path: Path) -> Pulse:
    """What a server that has stopped left."""
    return msgspec.json.decode(path.read_bytes(), type=Pulse)


async def felt(main: Coroutine[Any, Any, Any], pulse: Pulse) -> Any:
    """Await `main` while both beat."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat_beside, args=(pulse.thread, stop))
    thread.start()
    task = asyncio.create_task(_beat(pulse.loop))
    try:
        return await main
    finally:
        task.cancel()
        stop.set()
        thread.join()


async def _beat(beats: Beats) -> None:
    while True:
        due = time.monotonic() + BEAT
        await asyncio.sleep(BEAT)
        beats.note(due)


def _beat_beside(beats: Beats, stop: threading.Event) -> None:
    while not stop.is_set():
        due = time.monotonic() + BESIDE
        time.sleep(BESIDE)
        beats.note(due)


def _main(file: str, module: str, *words: str) -> None:
    usual, pulse = uvloop.run, Pulse(Beats(), Beats())

    def run(main: Coroutine[Any, Any, Any], **more: Any) -> Any:
        try:
            return usual(felt(main, pulse), **more)
        finally:
            Path(file).write_bytes(msgspec.json.encode(pulse))

    # Here both servers make their loop; nothing else of theirs is touched.
    uvloop.run = run
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
