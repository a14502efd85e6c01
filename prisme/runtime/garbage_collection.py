"""Python's garbage collector, tuned for a server that creates few cycles."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
    """Collect nothing during the block, which makes many objects that stay: each would be looked at again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Exclude all objects that exist now from garbage collection, and collect the others rarely, during the block."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    # Requests leave no cycles behind; with the default of some 700 objects, collections took 8% of their time.
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()  # otherwise DuckDB's modules report leaks at exit
