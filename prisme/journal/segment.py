"""The journal's files: `<sequence>.ndjson`, 12 digits, so that names sort as numbers do."""

import re
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"(\d{12})\.ndjson")


class Segment(NamedTuple):
    """A sealed segment: nothing is appended to it any more."""

    number: int
    path: Path


def segment_path(folder: Path, number: int) -> Path:
    """Where segment `number` lives."""
    return folder / f"{number:012d}.ndjson"


def leftovers(folder: Path) -> tuple[list[Segment], list[Path]]:
    """The segments that an earlier process left, oldest first, and the entries that are none of ours.

    A folder is never a segment, whatever its name: DuckDB would read all that is in it.
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
