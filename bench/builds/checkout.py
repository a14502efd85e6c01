"""The two builds that are compared: each a checkout of its own, with the Python that runs it."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from bench.server import ROOT, Server, ServerError, make_environment, start_bare, start_prisme

_PATIENCE = 1800.0
_LOCK = Path(".ci/lock.txt")
Name = Literal["older", "newer"]


class CheckoutError(Exception):
    """A revision cannot be checked out or installed; the message has the reason."""


class Build(msgspec.Struct, frozen=True):
    """A checkout at `root` of the commit `version`, run by `python`; `pins` are packages that only this build has."""

    name: Name
    version: str
    root: Path
    python: str
    pins: list[str]

    def serve(self, folder: Path, more: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Server:
        """Start its `prisme serve`; `prefix` is a command that runs another one."""
        return start_prisme(folder, more, root=self.root, python=[*prefix, self.python], name=f"{self.name} prisme")

    def serve_bare(self, folder: Path) -> Server:
        """Start its bare callable, on the Granian and with the settings of its time."""
        return start_bare(folder, f"{self.name} bare", root=self.root, python=[self.python])

    def run(self, *words: str) -> str:
        """Run its Python with these arguments; returns the last line printed. Raises ServerError where it fails."""
        command = [self.python, *words]
        # `-m` looks into the current folder first.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
            env=make_environment(self.root),
            cwd=self.root,
        )
        if done.returncode or not done.stdout.strip():
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise ServerError(f"{self.name}: {' '.join(words[:3])} ended with exit code {done.returncode}:\n{said}")
        return done.stdout.strip().splitlines()[-1]

    def make_token(self, data: Path) -> str:
        """A token that may read all figures of a server on the data folder."""
        return self.run("-m", "prisme", "token", "add", "bench", "--scope", "stats", "--data-dir", str(data))


@contextmanager
def checkouts(older: str, newer: str, folder: Path) -> Iterator[tuple[Build, Build]]:
    """Both builds, of revisions or of folders that are checkouts, an empty `newer` is the working tree.

    What was made for them in `folder` is removed after the block. Raises CheckoutError.
    """
    with ExitStack() as stack:
        roots = [stack.enter_context(_checked_out(one, folder / name)) for one, name in ((older, "a"), (newer, "b"))]
        before, after = (_build(name, root, folder) for name, root in zip(("older", "newer"), roots, strict=True))
        yield before, after


@contextmanager
def _checked_out(revision: str, folder: Path) -> Iterator[Path]:
    if not revision:
        yield ROOT
        return
    if (Path(revision) / "prisme" / "__main__.py").exists():
        yield Path(revision).resolve()
        return
    _git(ROOT, "worktree", "add", "--detach", str(folder), revision)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _git(ROOT, "worktree", "prune")


def _build(name: str, root: Path, folder: Path) -> Build:
    pins, python = differing_pins(root), sys.executable
    if pins:
        python = _install(root, folder / f"{name}-environment")
    named: Name = "older" if name == "older" else "newer"
    return Build(named, _git(root, "describe", "--always", "--dirty", "--exclude=*"), root, python, pins)


def differing_pins(root: Path) -> list[str]:
    """The packages that a checkout pins to another version than this one does, of those that it runs with."""
    theirs, ours = read_pins(root), read_pins(ROOT)
    return sorted(f"{name} {version}" for name, version in theirs.items() if ours.get(name, version) != version)


def read_pins(root: Path) -> dict[str, str]:
    """The pinned versions of what Prisme depends on, directly or not, but for the tests."""
    pins: dict[str, tuple[str, set[str]]] = {}
    name = ""
    for line in (root / _LOCK).read_text().splitlines():
        if found := re.match(r"([\w.-]+)==(\S+)", line):
            name = found[1]
            pins[name] = found[2], set()
        elif name and (found := re.match(r"\s+#\s+(?:via\s+)?([\w.-]+)", line)) and found[1] != "via":
            pins[name][1].add(found[1])
    needed = {_package(one) for one in _requirements(root)} & pins.keys()
    while more := {one for one, (_, by) in pins.items() if by & needed} - needed:
        needed |= more
    return {one: pins[one][0] for one in needed}


def _requirements(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return [str(one) for one in project["dependencies"]]


def _package(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    return found[0].lower().replace("_", "-") if found else ""


def _install(root: Path, folder: Path) -> str:
    """A virtual environment with what a checkout pins; returns its Python."""
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", "-c", str(root / _LOCK), *_requirements(root)]
    for command in ([sys.executable, "-m", "venv", str(folder)], install):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise CheckoutError(f"{root} cannot be installed:\n{done.stderr.strip()[-2000:]}")
    return python


def _git(root: Path, *words: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(root), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    except OSError as error:
        raise CheckoutError(f"git is needed: {error}") from None
    if done.returncode:
        raise CheckoutError(done.stderr.strip() or f"git {words[0]} failed")
    return done.stdout.strip()
