"""Files for the readers of figures, and what they make of them."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prisme.imports.items import Figure
from prisme.imports.reading import Format, Reading
from prisme.imports.tally import Tally

# A figure as a test writes it: its day, dimension, value, and counts.
Short = tuple[str, str, str, dict[str, int]]
COUNTS = ("visitors", "sessions", "pageviews", "events", "bounces", "seconds")


def read_files(format_: Format, folder: Path, files: Mapping[str, str | bytes], site: str = "example.com") -> "Result":
    """What a reader makes of files with these contents, in this order."""
    paths = []
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return read_paths(format_, folder, paths, site)


def read_paths(format_: Format, folder: Path, paths: list[Path], site: str = "example.com") -> "Result":
    """What a reader makes of these files; nothing may be left in the folder for temporary files."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    tally, told = Tally(), list[int]()
    items = list(format_.read(paths, Reading(tally, temporary, site, tell=told.append)))
    assert not list(temporary.iterdir())
    assert all(isinstance(item, Figure) for item in items)
    return Result([item for item in items if isinstance(item, Figure)], tally, told)


class Result:
    """The figures that a reader gave, what it counted, and how far it said that it was."""

    def __init__(self, figures: list[Figure], tally: Tally, told: list[int]) -> None:
        self.figures = figures
        self.tally = tally
        self.told = told

    @property
    def short(self) -> list[Short]:
        """The figures, without the counts that the source does not say."""
        return [(str(one.day), one.dimension, one.value, counts(one)) for one in self.figures]

    def of(self, dimension: str) -> dict[str, dict[str, int]]:
        """The counts by value of a dimension, where there is one day."""
        return {one.value: counts(one) for one in self.figures if one.dimension == dimension}

    @property
    def dimensions(self) -> set[str]:
        return {one.dimension for one in self.figures}

    @property
    def whys(self) -> list[tuple[str, int, str]]:
        """The rows that were refused: file, number and reason."""
        return [(line.file, line.number, line.why) for line in self.tally.bad_lines]


def counts(figure: Figure) -> dict[str, int]:
    """The counts that a figure has."""
    found: dict[str, Any] = {name: getattr(figure, name) for name in COUNTS}
    return {name: count for name, count in found.items() if count is not None}


def make_zip(files: Mapping[str, str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
