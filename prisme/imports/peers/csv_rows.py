"""CSV files with a header (RFC 4180, gzip and the like too), row by row, by the names of their columns."""

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from prisme.base.errors import InputError
from prisme.imports.files import Input, open_input
from prisme.imports.reading import Reading

# Of rows, between two reports of the progress.
_REPORTED: Final = 4096
# How Postgres and ClickHouse write what is missing, where it is not empty.
_NULLS: Final = frozenset({r"\N", "NULL"})


class Row(NamedTuple):
    """A row: the number of the line that it ends on, and its values by column. A column that is missing is empty."""

    number: int
    values: dict[str, str]

    def get(self, name: str) -> str:
        """A value, empty where it is missing."""
        value = self.values.get(name, "")
        return "" if value in _NULLS else value

    def __str__(self) -> str:
        return ",".join(self.values.values())


def read_header(path: Path) -> list[str]:
    """The names of a file's columns, in small letters; none of an empty file. Raises OSError and InputError."""
    with open_input(path) as found:
        return find_columns(next(found.lines(), b""))


def read_rows(path: Path, reading: Reading, before: int, names: Sequence[str] | None = None) -> Iterator[Row]:
    """The rows of a file; those with another number of values are refused, blank lines are left out.

    `before` is how many bytes of other files are done; `names` are in place of the header's. A file that is cut ends
    with a row that is refused, and a damaged one where the damage is. Raises OSError.
    """
    with open_input(path) as found:
        reader = csv.reader(_decode(found))
        columns: list[str] = []
        while True:
            try:
                values = next(reader, None)
            except (InputError, csv.Error) as error:
                reading.tally.rows += 1
                reading.tally.refuse(path.name, reader.line_num, str(error), "")
                if isinstance(error, InputError):
                    return
                continue
            if values is None:
                return
            if not columns:
                columns = list(names or values)
            elif values:
                if row := _check(columns, values, path.name, reader.line_num, reading):
                    yield row
                if reading.tally.rows % _REPORTED == 0:
                    reading.tell(before + found.done)


def size_of(path: Path) -> int:
    """The bytes of a file on disk. Raises OSError."""
    return path.stat().st_size


def find_columns(head: bytes) -> list[str]:
    """The names of the columns of a file that begins with `head`, in small letters; none of what is no CSV."""
    line = head.partition(b"\n")[0]
    if b"\0" in line:
        return []
    try:
        return [name.strip().lower() for name in next(csv.reader([line.decode("utf-8-sig", "replace").strip("\r")]))]
    except (csv.Error, StopIteration):
        return []


def require(path: Path, columns: Collection[str], wanted: Sequence[str]) -> None:
    """Raises InputError where a file lacks columns."""
    if missing := [name for name in wanted if name not in columns]:
        raise InputError(f"{path}: the columns {', '.join(missing)} are missing from its header")


def _check(columns: list[str], values: list[str], file: str, number: int, reading: Reading) -> Row | None:
    reading.tally.rows += 1
    if len(values) != len(columns):
        why = f"{len(values)} values, but the header has {len(columns)} columns"
        reading.tally.refuse(file, number, why, ",".join(values))
        return None
    return Row(number, dict(zip(columns, values, strict=True)))


def _decode(found: Input) -> Iterator[str]:
    """Lines of text, each with its end. A byte order mark is left out."""
    first = True
    for line in found.lines():
        text = line.decode("utf-8", "replace")
        if first:
            text, first = text.removeprefix("\ufeff"), False
        yield f"{text}\n"
