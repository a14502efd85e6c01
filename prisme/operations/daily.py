"""What a server does once a day by itself: the retention of visits."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from prisme.base.errors import InputError
from prisme.operations.job import CancelledError, Job
from prisme.operations.registry import EXPECTED, Operations
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.priority import renice

_SECOND: Final = 1_000_000_000  # nanoseconds
_FIRST: Final = 60 * _SECOND  # after the start
_AGAIN: Final = 24 * 3600 * _SECOND
_AFTER_FAILURE: Final = 3600 * _SECOND
_WHILE_BUSY: Final = 300 * _SECOND


class Daily:
    """`look` is called often, in the event loop; the work is done in a thread. `steady` gives nanoseconds."""

    def __init__(self, operations: Operations, steady: Callable[[], int], log: logging.Logger) -> None:
        self._operations = operations
        self._steady = steady
        self._log = log
        self._due = steady() + _FIRST
        self._cancellation = Cancellation()
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin the work if it is due."""
        if self._steady() >= self._due and not (self._thread and self._thread.is_alive()):
            self._thread = threading.Thread(target=self._work, name="daily")
            self._thread.start()

    def close(self) -> None:
        """Cancel the work, and wait until it has ended."""
        self._cancellation.cancel()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        renice()
        pause = _AGAIN
        try:
            self._retain()
        except CancelledError:
            pass
        except InputError:  # another operation is running
            pause = _WHILE_BUSY
        except EXPECTED as error:
            self._log.warning("retention failed, and is tried again in an hour: %s", error)
            pause = _AFTER_FAILURE
        except Exception:
            self._log.exception("retention failed")
        self._due = self._steady() + pause

    def _retain(self) -> None:
        done = self._operations.perform("retain", {}, Job(self._cancellation))
        if not done.is_nothing:
            self._log.info("retention: old visits were deleted", extra=done.rows)
        if done.compaction is not None:
            sizes = {"before": done.compaction.before, "after": done.compaction.after}
            self._log.info("the database was compacted", extra=sizes)
        if done.fault:
            self._log.warning("the database was not compacted: %s", done.fault)
