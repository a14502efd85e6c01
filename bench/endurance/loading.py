"""`python -m bench.endurance.loading FOLDER`: load the journal of a data folder, by the real loader, and no server.

Prints a `Loading` as JSON.
"""

import os
import sys
import time
from pathlib import Path

import msgspec

from bench import machine
from bench.endurance import child
from bench.server import file_size
from prisme.cli.serve import configure
from prisme.journal.segment import leftovers
from prisme.store.connection import Limits
from prisme.store.database import IDLE_BYTES, Database
from prisme.store.loader import Loader
from prisme.visit.sessions import CAPACITY


class Loading(msgspec.Struct, frozen=True):
    """Events loaded, seconds of all threads' CPU and of the clock with the checkpoint at the end; bytes.

    `checkpoints` counts those that DuckDB made by itself, between two loads the write-ahead log was smaller then.
    `opened_memory` is the peak before the first load, `peak_memory` that of the whole process.
    """

    events: int
    cpu: float
    seconds: float
    checkpoints: int
    opened_memory: int
    peak_memory: int
    memory_limit: int
    threads: int


def load(folder: Path) -> Loading:
    """Load the journal of the data folder `folder` in a process of its own. Raises ServerError where that fails."""
    return msgspec.json.decode(child.run("bench.endurance.loading", str(folder)), type=Loading)


def _load(folder: Path) -> Loading:
    """Load what there is, with the options that `prisme serve` has by default, and close the database."""
    config, _ = configure([f"--data-dir={folder}"], {}, folder)
    path, limits = folder / "prisme.duckdb", Limits(config.duckdb_memory_limit, config.duckdb_threads)
    log = path.with_name(path.name + ".wal")
    database = Database(path, limits, folder / "tmp")
    loader = Loader(database, CAPACITY)
    segments, foreign = leftovers(folder / "journal")
    if foreign:
        raise ValueError(f"{foreign} is in the journal")
    opened_memory = machine.peak_memory(os.getpid())
    events = checkpoints = size = 0
    began, cpu = time.perf_counter(), time.process_time()
    for segment in segments:
        loaded = loader.load(segment, time.time_ns() // 1000)
        if loaded.rejected:
            raise ValueError(f"{segment.path} has lines that are no events")
        events += loaded.events
        before, size = size, file_size(log)
        checkpoints += size < before
    loader.close()
    database.close()
    return Loading(
        events,
        time.process_time() - cpu,
        time.perf_counter() - began,
        checkpoints,
        opened_memory,
        machine.peak_memory(os.getpid()),
        min(limits.memory, IDLE_BYTES),
        limits.threads,
    )


if __name__ == "__main__":
    print(msgspec.json.encode(_load(Path(sys.argv[1]))).decode())
