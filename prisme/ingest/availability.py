"""Whether events can be accepted, watched and logged: the disk may be full, or the journal not writable."""

import logging

from prisme.journal.appender import Appender
from prisme.runtime.freespace import FreeSpace


class Availability:
    """Logs when events begin to be refused, and when that is over."""

    def __init__(self, journal: Appender, disk: FreeSpace, log: logging.Logger) -> None:
        self._journal = journal
        self._disk = disk
        self._log = log
        self._is_failing = False
        self._seen_failures = 0

    def check(self) -> None:
        """Log a change since the last check. While the journal fails, try it: no event may come that would."""
        journal = self._journal
        failure = journal.failure or self._disk.failure
        if failure is not None or journal.failures != self._seen_failures:
            if not self._is_failing:
                self._is_failing = True
                self._log.error("events are refused, or wait in the journal: %s", failure or journal.last_failure)
            if journal.failure is not None:
                journal.probe()
        elif self._is_failing:
            self._is_failing = False
            self._log.info("events are accepted again")
        self._seen_failures = journal.failures
