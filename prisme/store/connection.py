"""Connections to the DuckDB file: DuckDB's settings, in one place."""

from pathlib import Path
from typing import NamedTuple

import duckdb

# At each checkpoint DuckDB rewrites the last, partly filled block of every column. With its own threshold of 16 MB that
# was a third of the cost of a load. Replaying a write-ahead log of this size at the start takes at most half a second.
LOG_BYTES = 64 << 20


class Limits(NamedTuple):
    """What DuckDB may use: bytes of memory, threads."""

    memory: int
    threads: int


def connect(path: Path, limits: Limits, temporary: Path) -> duckdb.DuckDBPyConnection:
    """Open the file, or create it; what does not fit in memory is spilled to the folder `temporary`."""
    return duckdb.connect(
        str(path),
        config={
            "memory_limit": f"{limits.memory}B",
            "threads": limits.threads,
            "temp_directory": str(temporary),
            "checkpoint_threshold": f"{LOG_BYTES}B",
            # All that is needed is in the wheel; nothing is downloaded.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )


def clear(temporary: Path) -> None:
    """Remove the spill files of a process that was killed: DuckDB does not. Raises OSError."""
    for path in temporary.glob("duckdb_temp*"):
        path.unlink()
