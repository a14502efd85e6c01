"""What operations work on: the open files of a data folder, in a running server or in a command without one."""

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from prisme.journal.segment import Segment
from prisme.runtime.config import Config
from prisme.runtime.folder import Folder
from prisme.store.control import Control
from prisme.store.database import Database
from prisme.store.event_store import EventStore
from prisme.store.loader import Loader


class Context(NamedTuple):
    """`store` has all events; without ClickHouse, it has them in `database`, into which `loader` loads.

    `settle` loads all that was accepted so far, and raises StoreError if that fails.

    `forget` ends visits, by their uuids, so that what their devices send next begins new ones; `renew` is called when
    other files of accounts and sites are in place. `take_over` is for whoever holds the loader: it ends all visits, and
    gives the journal's segments with all that was accepted up to then; it raises StoreError. `clock` gives
    microseconds. For any thread but the event loop's.
    """

    config: Config
    folder: Path
    database: Database
    loader: Loader
    store: EventStore
    control: Control
    clock: Callable[[], int]
    log: logging.Logger
    settle: Callable[[], None]
    forget: Callable[[Collection[str]], None]
    renew: Callable[[], None]
    take_over: Callable[[], Sequence[Segment]]
    is_online: bool


class ClosedContext(NamedTuple):
    """The same, where no server runs, and the files are not open: one of them may be damaged."""

    config: Config
    folder: Folder
    clock: Callable[[], int]
    log: logging.Logger
