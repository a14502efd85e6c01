"""A Containerfile's steps, path by path as they stand, without a container engine.

Each stage gets a root of its own, made of bind mounts in a mount namespace. The base image alone is stood in for: by
this machine's system and Python.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# What stands for the base image, beside Python where that is elsewhere.
_SYSTEM = [Path("/", name) for name in ("bin", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "usr")]
_PYTHON = Path(sys.base_prefix)
_ENVIRONMENT = {"PATH": f"{_PYTHON / 'bin'}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_ROOT = "0:0"


class Stage(NamedTuple):
    """From one FROM to the next: instructions and their arguments."""

    base: str
    name: str
    steps: list[tuple[str, str]]

    def last(self, word: str) -> str:
        """The argument of the last such instruction, which is the one that counts; empty where there is none."""
        return next((argument for known, argument in reversed(self.steps) if known == word), "")


def parse(text: str) -> list[Stage]:
    """The stages of a Containerfile: comments dropped, continued lines joined."""
    code = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, code.splitlines())):
        word, argument = line.split(maxsplit=1)
        if word == "FROM":
            base, _, name = argument.partition(" AS ")
            stages.append(Stage(base, name, []))
        else:
            stages[-1].steps.append((word, argument))
    return stages


class Root:
    """The file system of one stage, and what WORKDIR and ENV made of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.workdir = "/"
        self.environment = dict(_ENVIRONMENT)
        self._mounts: list[Path] = []
        self.at("/tmp").mkdir(parents=True)
        for system in _SYSTEM:
            if system.is_symlink():
                self.at(system).symlink_to(system.readlink())
            elif system.is_dir():
                self._mounts.append(system)
        if not any(_PYTHON.is_relative_to(system) for system in self._mounts):
            self._mounts.append(_PYTHON)
        for mount in self._mounts:
            self.at(mount).mkdir(parents=True)

    def at(self, path: str | Path) -> Path:
        """Where a path of the stage is on this machine."""
        return self.path / str(path).lstrip("/")

    def command(self, *words: str, user: str = _ROOT, before: str = ":", after: str = ":") -> list[str]:
        """What runs `words` in this root; `before` and `after` the mounts, shell text."""
        binds = [shlex.join(["mount", "--rbind", str(path), str(self.at(path))]) for path in self._mounts]
        enter = ["chroot", f"--userspec={user}", "--groups=", str(self.path)]
        inside = ["env", "-i", f"--chdir={self.workdir}", *self._variables(), *words]
        own = shlex.join(["mount", "--bind", str(self.path), str(self.path)])
        script = "\n".join(["set -eu", before, own, *binds, after, f"exec {shlex.join([*enter, *inside])}"])
        return ["unshare", "--mount", "sh", "-c", script]

    def alone(self, *words: str, user: str = _ROOT, after: str = ":") -> list[str]:
        """The same with a network of its own, where everyone may have port 80, as engines have it."""
        before = "ip link set lo up; echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"
        return ["unshare", "--net", *self.command(*words, user=user, before=before, after=after)]

    def beside(self, process: subprocess.Popen[bytes], *words: str, user: str = _ROOT) -> list[str]:
        """What runs `words` beside a process that runs in this root, as `exec` of an engine does."""
        uid, gid = user.split(":")
        enter = ["nsenter", f"--target={process.pid}", "--mount", "--net", "--root", "--wd", "-S", uid, "-G", gid]
        return [*enter, "env", "-i", *self._variables(), *words]

    def take(self, stage: Stage, context: Path, others: dict[str, "Root"]) -> None:
        """Go through a stage's steps that make files, or say how to."""
        for word, argument in stage.steps:
            if word == "WORKDIR":
                self.workdir = argument
                self.at(argument).mkdir(parents=True, exist_ok=True)
            elif word == "ENV":
                self.environment |= dict(pair.split("=", 1) for pair in shlex.split(argument))
            elif word == "COPY":
                self._copy(argument.split(), context, others)
            elif word == "RUN":
                done = subprocess.run(self.command("sh", "-c", argument), capture_output=True, text=True)
                assert done.returncode == 0, f"{argument}\n{done.stdout}\n{done.stderr}"

    def _copy(self, words: list[str], context: Path, others: dict[str, "Root"]) -> None:
        if words[0].startswith("--from="):
            context = others[words.pop(0).removeprefix("--from=")].path
        *sources, target = words
        to = self.at(Path(self.workdir, target))
        for source in sources:
            found = context / source.lstrip("/")
            if found.is_dir():
                shutil.copytree(found, to, symlinks=True, dirs_exist_ok=True)
            else:
                assert target.endswith("/"), "files are copied into folders only"
                to.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, to)

    def _variables(self) -> list[str]:
        return [f"{name}={value}" for name, value in self.environment.items()]


class Container(NamedTuple):
    """An image and its volume."""

    image: Stage
    root: Root
    volume: Path

    @contextmanager
    def run(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Start it as its user, read-only but for the volume; it is killed at the end, where it still runs."""
        data = self.root.at(self.image.last("VOLUME"))
        after = [
            shlex.join(["mount", "--bind", str(self.volume), str(data)]),
            shlex.join(["mount", "-o", "remount,ro,bind", str(self.root.path)]),
        ]
        user = self.image.last("USER")
        words = [*json.loads(self.image.last("ENTRYPOINT")), *json.loads(self.image.last("CMD"))]
        command = self.root.alone(*words, user=user, after="\n".join(after))
        with log.open("wb") as stream:
            os.fchown(stream.fileno(), *map(int, user.split(":")))  # engines give the streams to the user
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def build(stages: list[Stage], context: Path, folder: Path) -> Container:
    """Go through all stages, in roots below `folder`; the last one is the image."""
    roots: dict[str, Root] = {}
    for stage in stages:
        root = roots[stage.name] = Root(folder / (stage.name or "image"))
        if stage.name:  # what runs in the end learns nothing of this machine
            root.environment |= _reaching_the_index()
        root.take(stage, context, roots)
    # A new volume begins as a copy of what the image has there, with its owner and mode.
    volume = folder / "volume"
    subprocess.run(["cp", "-a", str(root.at(stage.last("VOLUME"))), str(volume)], check=True)
    return Container(stage, root, volume)


def _reaching_the_index() -> dict[str, str]:
    """The variables that tell pip where packages are."""
    told = re.compile(r"PIP_.*|.*_CERT_FILE|.*_CA_BUNDLE|(https?|no|all)_proxy", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if told.fullmatch(name)}
