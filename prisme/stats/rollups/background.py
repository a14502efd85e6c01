"""The thread that makes rollups."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from prisme.runtime.metrics import Gauge, Metric
from prisme.runtime.priority import renice
from prisme.stats.rollups.builder import RollupBuilder
from prisme.store.errors import StoppedError, StoreError, UnavailableError

_IDLE: Final = 60.0  # seconds between two looks
# Others come first: so many times as long as a unit takes, none is made.
_REST: Final = 1.0
_LEAST_REST: Final = 0.2  # seconds


class BackgroundBuilder:
    """Lets a builder work until `close`. `clock` gives microseconds."""

    def __init__(self, builder: RollupBuilder, clock: Callable[[], int], log: logging.Logger) -> None:
        self._builder = builder
        self._clock = clock
        self._log = log
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def metrics(self) -> list[Metric]:
        """Whether all has been made."""
        text = "Whether all days that are over were counted, for figures of long spans: 1 or 0."
        return [Gauge("rollups_complete", text, lambda: int(self._builder.is_complete))]

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._work, name="rollups")
        self._thread.start()

    def close(self) -> None:
        """Wait until it has ended, which stopping all queries speeds up."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        renice()
        self._attempt(self._builder.warm_up)
        pause = 0.0
        while not self._stopping.wait(pause):
            began = time.monotonic()
            has_built = self._attempt(lambda: self._builder.build(self._clock()))
            pause = max(_LEAST_REST, _REST * (time.monotonic() - began)) if has_built else _IDLE

    def _attempt(self, work: Callable[[], bool | None]) -> bool:
        """Whether the work was done, and there may be more."""
        try:
            return bool(work())
        except StoppedError:
            pass
        except (StoreError, UnavailableError) as error:
            if not self._stopping.is_set():
                self._log.warning("figures are not kept for now: %s", error)
        except Exception:
            self._log.exception("figures are not kept for now")
        return False
