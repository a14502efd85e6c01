"""How the statistics API and the dashboard read the statistics: within a deadline, and how they refuse to."""

import logging
import time
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.runtime.clock import Clock
from prisme.stats.cache.figure_cache import FigureCache
from prisme.store.errors import BusySqlError, DiskError, FullError, LateError, SqlError, UnavailableError
from prisme.store.load_log import LoadLog
from prisme.store.query_reader import OpenReader, QueryReader
from prisme.web.parsed_request import ParsedRequest

# Seconds until the same shortage is logged again: dashboards keep requesting their figures.
_LOG_EVERY: Final = 3600.0


class ShortageLog:
    """Warns of queries that failed for lack of memory or disk space: of each kind once an hour. For any threads."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._logged_at: dict[str, float] = {}

    def note(self, refused: Refusal, error: UnavailableError) -> None:
        """Log why a request was refused, unless that was logged within the hour."""
        now = time.monotonic()
        if now - self._logged_at.get(refused.name, -_LOG_EVERY) >= _LOG_EVERY:
            self._logged_at[refused.name] = now
            self._log.warning("figures are refused, which is logged once an hour: %s (%s)", refused.reason, error)


class ReadingOptions(msgspec.Struct):
    """What may change while the server runs.

    All queries of one request may take `deadline` seconds together. Pages of `origins` may read the responses to
    programs; `*` is every origin.
    """

    deadline: float
    origins: tuple[str, ...]


class StatsSource(msgspec.Struct, frozen=True):
    """How the events are read; `load_log` has what was loaded of them."""

    open: OpenReader
    load_log: LoadLog
    cache: FigureCache
    clock: Clock
    options: ReadingOptions
    shortages: ShortageLog

    @property
    def now(self) -> int:
        """Microseconds."""
        return self.clock.wall() // 1000

    def open_reader(self, parsed: ParsedRequest) -> AbstractContextManager[QueryReader]:
        """A reader for a request; its deadline counts from when it came."""
        return self.open(self.options.deadline, parsed.began, parsed.cancellation)

    def refuse(self, error: UnavailableError | SqlError) -> Refusal:
        """The refusal of a request whose queries failed."""
        if isinstance(error, SqlError):
            return refusal.SQL_INVALID.with_reason(str(error))
        if isinstance(error, BusySqlError):
            return refusal.STATS_BUSY
        if isinstance(error, LateError):
            return refusal.STATS_LATE.with_reason(str(error))
        if not isinstance(error, FullError | DiskError):
            return refusal.STATS_LOST
        refused = refusal.STATS_FULL if isinstance(error, FullError) else refusal.STATS_DISK
        self.shortages.note(refused, error)
        return refused
