"""Searches the memory of a running server for its keys, in a process of its own, which gives it no copies.

Run as a program, this is that process. On the input `read` it reads the keys that the server has on disk, on `find` it
searches the server's memory for all the keys that it has read.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.requirements import miss

_PIECE = 16 << 20


class Searcher:
    """The searching process. A key is named by its day, counted from 1970-01-01."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self) -> list[int]:
        """Read the keys that are on disk, and return their days."""
        return [int(day) for day in self._ask("read")]

    def find(self) -> dict[int, list[str]]:
        """For each key read so far, the places in the server's memory where it is; none where it is not there."""
        return {int(day): places for day, places in self._ask("find").items()}

    def _ask(self, command: str) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        print(command, file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        if isinstance(answer, str):
            miss(answer)
        return answer


@contextmanager
def searcher(folder: Path, pid: int) -> Iterator[Searcher]:
    """Search the memory of a process for the keys of the data folder that its server has."""
    command = [sys.executable, "-m", "tests.faults.key_search", str(folder / "secrets.sqlite"), str(pid)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield Searcher(process)
        finally:
            assert process.stdin
            process.stdin.close()


def _read_keys(path: Path) -> dict[int, bytes]:
    with closing(sqlite3.connect(path)) as secrets:
        return {day: key for day, key in secrets.execute("SELECT day, salt FROM salts") if any(key)}


def _find(pid: int, keys: dict[int, bytes]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {day: [] for day in keys}
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            area, rights, _, _, _, *name = line.split(maxsplit=5)
            if not rights.startswith("rw"):
                continue
            start, end = (int(one, 16) for one in area.split("-"))
            for at in range(start, end, _PIECE):
                try:
                    piece = os.pread(memory.fileno(), min(_PIECE + 15, end - at), at)
                except OSError:
                    break  # what the kernel shows nobody, or what is gone by now
                for day, key in keys.items():
                    found[day] += [
                        f"{at + one.start():x} {''.join(name).strip()}" for one in re.finditer(re.escape(key), piece)
                    ]
    return found


def _main(path: Path, pid: int) -> None:
    keys: dict[int, bytes] = {}
    for command in sys.stdin:
        try:
            if command.strip() == "read":
                read = _read_keys(path)
                keys |= read
                answer: object = sorted(read)
            else:
                answer = _find(pid, keys)
        except PermissionError as error:
            answer = f"needs the right to read another process's memory, as root has it: {error}"
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
