"""The journal's files, named `<number>.ndjson` with 12 digits, so that names sort like numbers."""

import re
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"(\d{12})\.ndjson")


class Segment(NamedTuple):
    """A sealed segment, to which nothing is appended any more."""

    number: int
    path: Path


def segment_path(folder: Path, number: int) -> Path:
    """The path of segment `number`."""
    return folder / f"{number:012d}.ndjson"


def leftovers(folder: Path) -> tuple[list[Segment], list[Path]]:
    """The segments of an earlier process, oldest first, and the entries of the folder that Prisme did not write.

    A directory is never a segment, whatever its name: DuckDB would read all files in it.
    """
    segments: list[Segment] = []
    foreign: list[Path] = []
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            segments.append(Segment(int(match[1]), path))
        elif not path.name.endswith(".rejected"):
            foreign.append(path)
    return segments, foreign
