"""Shared by the commands: flags, required programs, and how a run ends."""

import argparse
import shutil
import sys
from collections.abc import Callable
from typing import NoReturn

import msgspec

from bench.result import save


def whole(text: str) -> int:
    """Parse the value of a flag: a whole number, at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def missing() -> str:
    """The missing requirement and how to install it; empty where nothing is missing."""
    if not sys.platform.startswith("linux"):
        return "Linux is needed: CPU and memory are read from /proc"
    if shutil.which("wrk") is None:
        return "wrk is needed: `apt install wrk` on Debian and Ubuntu, `dnf install wrk` on Fedora"
    return ""


def interrupt(number: int, _: object) -> NoReturn:
    """A signal handler that ends a run as Ctrl-C does."""
    raise KeyboardInterrupt(number)


def finish(
    run: msgspec.Struct,
    names: tuple[str, str | None],
    failures: list[str],
    render: Callable[[], str],
    missed: list[str] | None,
) -> int:
    """Save a run by the first of its `names`, print it, and keep it by the second, if any; returns the exit code.

    Figures of a failed run are stored, for a look, but neither rendered nor kept. `missed` are the targets that were
    not met, which is no failure; None where a run has no targets.
    """
    path = save(run, names[0])
    if failures:
        print("\n".join(f"FAILED: {failure}" for failure in failures), file=sys.stderr)
        return 1
    print(f"\n{render()}\nwritten to {path}")
    if missed is not None:
        print(f"targets NOT met: {'; '.join(missed)}" if missed else "all targets are met")
    if names[1]:
        print(f"kept as {save(run, names[1])}")
    return 0
