"""Connections to the DuckDB file: DuckDB's settings, in one place."""

from pathlib import Path
from typing import NamedTuple

import duckdb

from prisme.runtime.scratch import remove_left

# At each checkpoint DuckDB rewrites the last, partly filled block of every column. With its own threshold of 16 MB that
# was a third of the cost of a load. Replaying a write-ahead log of this size at the start takes at most half a second.
LOG_BYTES = 64 << 20
# How the names of files begin that operations write in the folder of temporary files, and remove.
STAGED = "staged-"
# The settings that change while the file is open (`database.py`).
_CHANGED = ("memory_limit", "threads")


class Limits(NamedTuple):
    """What DuckDB may use: bytes of memory, threads."""

    memory: int
    threads: int


def connect(path: Path, limits: Limits, temporary: Path, is_alone: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the file, or create it; what does not fit in memory is spilled to the folder `temporary`.

    With `is_alone`, raises duckdb.ConnectionException where this process has a file of this path open: all connections
    to a path are one instance of DuckDB, whatever file is there now.

    Statements can use no other files than these, and those in the folders `journal` beside the file and `temporary`: a
    mistake in a statement must not read, write or load anything else.
    """
    connection = duckdb.connect(
        str(path),
        config={
            "memory_limit": f"{limits.memory}B",
            "threads": limits.threads,
            "temp_directory": str(temporary),
            "checkpoint_threshold": f"{LOG_BYTES}B",
            # A table is one of the file's, never a variable of Python's.
            "python_enable_replacements": False,
            # All that is needed is in the wheel; nothing is downloaded.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    row = connection.execute("SELECT current_setting('lock_configuration')").fetchone()
    is_shared = bool(row and row[0])
    if is_shared and is_alone:
        connection.close()
        raise duckdb.ConnectionException("it is still open")
    if not is_shared:
        _restrict(connection, [path.parent / "journal", temporary])
    return connection


def _restrict(connection: duckdb.DuckDBPyConnection, folders: list[Path]) -> None:
    """Deny access to other files, and changes of settings, for as long as the file is open."""
    # In this order, and only once the file is open: DuckDB rejects the folders before that, and after the next setting.
    connection.execute("SET allowed_directories = $folders", {"folders": [str(folder) for folder in folders]})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET allowed_configs = $names", {"names": list(_CHANGED)})
    connection.execute("SET lock_configuration = true")


def clear(temporary: Path) -> None:
    """Remove the files of a process that was killed: what DuckDB spilled, and what operations left. Raises OSError."""
    for pattern in ("duckdb_temp*", f"{STAGED}*"):
        for path in temporary.glob(pattern):
            path.unlink()
    remove_left(temporary)
