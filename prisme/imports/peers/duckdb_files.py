"""Opens the DuckDB files of other programs, read only, with the log (`.wal`) that lies beside them."""

import contextlib
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from prisme.base.errors import InputError
from prisme.imports.files import explaining_damage, open_input
from prisme.imports.reading import Reading
from prisme.store.foreign import ForeignFiles

NAME: Final = "source"
_MAGIC: Final = slice(8, 12)
_REPORTED: Final = 10_000


def is_duckdb(head: bytes) -> bool:
    """Whether a file that begins with `head` is a database of DuckDB."""
    return head[_MAGIC] == b"DUCK"


@contextlib.contextmanager
def attach(path: Path, reading: Reading, program: str) -> Iterator[ForeignFiles]:
    """Open a file for the time of the block, as the database `source`. A compressed one is unpacked into a folder.

    Raises InputError where it is none, or is locked by the program.
    """
    reading.temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=reading.temporary) as folder, ForeignFiles(reading.temporary) as files:
        with path.open("rb") as file:
            found = is_duckdb(file.read(_MAGIC.stop))
        if not found:
            unpacked = Path(folder) / "unpacked.duckdb"
            with open_input(path) as packed, unpacked.open("wb") as target, explaining_damage():
                shutil.copyfileobj(packed.stream, target, 1 << 20)
            with unpacked.open("rb") as file:
                if not is_duckdb(file.read(_MAGIC.stop)):
                    raise InputError(f"{path} is not a database of {program}: it is no DuckDB file")
        try:
            files.attach(path if found else unpacked, NAME)
        except InputError as error:
            if "lock" not in str(error):
                raise
            raise InputError(
                f"{path} is in use: stop {program} first, or copy the file, and the .wal beside it, while it is stopped"
            ) from error
        yield files


def find_columns(files: ForeignFiles, table: str) -> set[str]:
    """The columns of a table; none if there is no such table."""
    query = "SELECT column_name FROM duckdb_columns() WHERE database_name = $database AND table_name = $table"
    return {name for (name,) in files.rows(query, {"database": NAME, "table": table})}


def require(path: Path, program: str, table: str, columns: Collection[str], needed: Collection[str]) -> None:
    """Raises InputError where a table lacks columns that are needed."""
    if missing := sorted(set(needed).difference(columns)):
        raise InputError(f"{path} is not a database of {program}: {table} has no {', '.join(missing)}")


def read_table(
    files: ForeignFiles, table: str, expressions: dict[str, str], columns: Collection[str], before: int, size: int,
    reading: Reading,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The rows of a table, unsorted: values by name, of expressions whose column is there; other values are None.

    Reports the progress from `before` on, as if the rows had `size` bytes on disk.
    """
    chosen = {name: expression if name in columns else "NULL" for name, expression in expressions.items()}
    listed = ", ".join(f'{expression} AS "{name}"' for name, expression in chosen.items())
    ((count,),) = files.rows(f"SELECT count(*) FROM {NAME}.{table}")  # noqa: S608  # no text of a file's rows
    for number, row in enumerate(files.rows(f"SELECT {listed} FROM {NAME}.{table}"), 1):  # noqa: S608  # no text of a file's rows
        reading.tally.rows += 1
        if number % _REPORTED == 0:
            reading.tell(before + size * number // count)
        yield dict(zip(chosen, row, strict=True))
