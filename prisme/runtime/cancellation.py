"""Ends work that runs in another thread, because nobody waits for its result any more."""

import threading
from collections.abc import Callable


class Cancellation:
    """What work has to call to be told: it attaches a function that stops it, and detaches it when it has ended."""

    def __init__(self) -> None:
        self.is_cancelled = False
        self._lock = threading.Lock()
        self._stops: list[Callable[[], object]] = []

    def attach(self, stop: Callable[[], object]) -> None:
        """Have `stop` called by `cancel`, in its thread; at once, if it was called already."""
        with self._lock:
            self._stops.append(stop)
            if self.is_cancelled:
                stop()

    def detach(self, stop: Callable[[], object]) -> None:
        """Do not have it called any more: it neither is being called nor will be."""
        with self._lock:
            self._stops.remove(stop)

    def cancel(self) -> None:
        """Stop the work that is under way, and what begins later."""
        with self._lock:
            self.is_cancelled = True
            for stop in self._stops:
                stop()
