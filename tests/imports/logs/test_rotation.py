"""The order of rotated logs, and which of them are left out."""

import gzip
import os
import random
from pathlib import Path

import pytest

from prisme.imports.logs.rotation import TWICE, order_files
from prisme.imports.tally import Tally


def make(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """Write files; those whose names end so are compressed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return [folder / name for name in files]


def order(files: list[Path], folder: Path) -> tuple[list[str], int]:
    """The names in order, and how many were left out."""
    tally = Tally()
    names = [str(path.relative_to(folder)) for path in order_files(files, tally)]
    return names, tally.skipped[TWICE]


@pytest.mark.parametrize(
    "names",
    [
        ["access.log.11.gz", "access.log.10.gz", "access.log.2.gz", "access.log.1", "access.log"],
        ["access.log-20251231.gz", "access.log-20260101.gz", "access.log-20261128", "access.log"],
        ["access-20261127.log", "access-20261128.log", "access.log"],
        ["access.log-2026-11-27.bz2", "access.log-2026-11-28", "access.log"],
        ["access.log-20261128.2.gz", "access.log-20261128.1.gz", "access.log"],
        ["access-2026-11-28T22-46-45.123.log.gz", "access-2026-11-28T23-00-00.000.log", "access.log"],
        ["u_ex251231.log", "u_ex260101.log", "u_ex261128.log"],
        ["u_ex26112809.log", "u_ex26112810.log"],
        ["E2ABC.2026-11-28-09.ffff.gz", "E2ABC.2026-11-28-10.0000.gz"],
        ["a.log.2", "a.log.1", "a.log", "b.log.2", "b.log.1", "b.log"],
        ["a/access.log.1", "a/access.log", "b/access.log.1", "b/access.log"],
        ["localhost_access_log.2026-11-27.txt", "localhost_access_log.2026-11-28.txt"],
        ["www.example.com.log.1", "www.example.com.log"],
    ],
)
def test_order(tmp_path: Path, names: list[str]) -> None:
    files = make(tmp_path, {name: name[::-1].encode() for name in names})
    random.Random(7).shuffle(files)
    assert order(files, tmp_path) == (names, 0)


def test_same_file(tmp_path: Path) -> None:
    """By its name, by another way to it, and by a link."""
    (path,) = make(tmp_path, {"access.log": b"a\n"})
    (tmp_path / "link").symlink_to(path)
    os.link(path, tmp_path / "hard")
    files = [path, path, tmp_path / "folder" / ".." / "access.log", tmp_path / "link", tmp_path / "hard"]
    (tmp_path / "folder").mkdir()
    assert order(files, tmp_path) == (["access.log"], 4)


LONG = b"".join(b"line %d\n" % number for number in range(100_000))
OTHER = LONG[:-2] + b"x\n"


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({"x": LONG, "x.gz": LONG}, ["x"]),
        ({"x.gz": LONG, "x": LONG}, ["x.gz"]),
        ({"x": LONG, "copy/y": LONG, "z": LONG}, ["x"]),
        ({"x": LONG, "y": OTHER}, ["x", "y"]),
        ({"x": LONG, "y": OTHER, "x.gz": LONG, "y.gz": OTHER}, ["x", "y"]),
        ({"x": LONG[:800], "y": LONG}, ["y"]),
        ({"x": LONG, "y": LONG[:800], "z.gz": LONG[:8000]}, ["x"]),
        ({"x": b"a\nb\nc\n", "y": b"a\nb\nb\n", "z": b"a\nb\n", "w": b"a\n"}, ["x", "y"]),
        ({"x": b"\0" * 9999 + LONG, "y": LONG}, ["x"]),
        ({"x": b"", "y": b"", "z": LONG}, ["x", "y", "z"]),
        ({"x": b"\0" * 9999, "y": b"\0" * 9999}, ["x", "y"]),
        ({"x": b"#Version: 1.0\na\n", "y": b"#Version: 1.0\nb\n"}, ["x", "y"]),
    ],
)
def test_copies(tmp_path: Path, files: dict[str, bytes], kept: list[str]) -> None:
    assert order(make(tmp_path, files), tmp_path) == (kept, len(files) - len(kept))


def test_damaged_copy(tmp_path: Path) -> None:
    """As when logrotate was killed while it compressed."""
    whole, damaged = make(tmp_path, {"access.log.1": LONG, "access.log.1.gz": LONG})
    os.truncate(damaged, damaged.stat().st_size // 2)
    assert order([damaged, whole], tmp_path) == (["access.log.1"], 1)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        order_files([tmp_path / "access.log"])
