"""Parquet files of one table each, and SQL that reads their columns by name, whatever is missing."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from prisme.base.errors import InputError
from prisme.store.foreign import ForeignFiles

_PATTERN: Final = re.compile(r"[*?\[]")
_MONTH: Final = re.compile(r"\d{4}-\d\d\.parquet")
# What is in no file: it is before or after all ids.
_LEAST: Final = ""
_GREATEST: Final = "g"
_COLUMNS: Final = "DESCRIBE SELECT * FROM read_parquet({path})"
_ROWS: Final = "SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata({path})"
_ABOUT: Final = """
SELECT
    min(stats_min_value) FILTER (path_in_schema = 'session_uuid'),
    max(stats_max_value) FILTER (path_in_schema = 'session_uuid'),
    count(*) FILTER (path_in_schema = 'session_uuid' AND stats_max_value IS NULL),
    coalesce(sum(total_uncompressed_size), 0)
FROM parquet_metadata({path})
"""


class Part(NamedTuple):
    """A Parquet file: its least and greatest session id, as texts, its size before compression, its columns' types."""

    path: Path
    low: str
    high: str
    rows: int
    bytes: int
    columns: Mapping[str, str]

    @property
    def sql(self) -> str:
        """What stands after FROM to read it alone."""
        return f"read_parquet({quote_path(self.path)})"


def read_part(files: ForeignFiles, path: Path) -> Part:
    """What the end of a file says about it. Raises InputError, which names the file."""
    name = quote_path(path)
    with naming(path):
        columns = {str(row[0]): str(row[1]) for row in files.rows(_COLUMNS.format(path=name))}
        ((rows,),) = files.rows(_ROWS.format(path=name))
        ((low, high, unknown, size),) = files.rows(_ABOUT.format(path=name))
    is_known = low is not None and not unknown
    return Part(path, low if is_known else _LEAST, high if is_known else _GREATEST, int(rows), int(size), columns)


class Columns:
    """The columns of some files of one table, to be selected by their names."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._names = {name for part in parts for name in part.columns}
        self._paths = ", ".join(quote_path(part.path) for part in parts)

    def text(self, name: str, absent: str = "") -> str:
        """An expression for a text, `absent` where a file, or the row, has none."""
        if name not in self._names:
            return quote(absent)
        return f'coalesce(CAST("{name}" AS VARCHAR), {quote(absent)})'

    def number(self, name: str, absent: str = "0") -> str:
        """An expression for an integer; `absent` is SQL."""
        return f'coalesce(CAST("{name}" AS BIGINT), {absent})' if name in self._names else f"CAST({absent} AS BIGINT)"

    def id(self) -> str:
        """An expression for the id of the session."""
        return 'CAST("session_uuid" AS UUID)' if "session_uuid" in self._names else "CAST(NULL AS UUID)"

    def time(self, name: str) -> str:
        """An expression for a time in microseconds."""
        return f'epoch_us(CAST("{name}" AS TIMESTAMP))' if name in self._names else "CAST(NULL AS BIGINT)"

    def select(self, columns: Mapping[str, str]) -> str:
        """A SELECT of expressions under new names, none of them for no files."""
        listed = ", ".join(f'{expression} AS "{name}"' for name, expression in columns.items())
        return f"SELECT {listed} FROM {self._source()}"  # noqa: S608  # no text of a file's rows

    def _source(self) -> str:
        if not self._paths:
            return "(SELECT 0) WHERE false"
        return f"read_parquet([{self._paths}], union_by_name = true)"


def is_month(path: Path) -> bool:
    """Whether a file is named as those of an export."""
    return bool(_MONTH.fullmatch(path.name))


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of a file before what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def quote_path(path: Path) -> str:
    """The name of one file, as DuckDB's functions that read files take it: they look for patterns in it."""
    return quote(_PATTERN.sub(r"[\g<0>]", str(path)))


def quote(text: str) -> str:
    """A text of SQL."""
    return "'" + text.replace("'", "''") + "'"
