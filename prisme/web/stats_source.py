"""How the statistics API and the dashboard read the statistics: within a deadline."""

import msgspec

from prisme.base import refusal
from prisme.base.refusal import Refusal
from prisme.runtime.clock import Clock
from prisme.stats.cache.incremental import IncrementalCache
from prisme.store.database import Database
from prisme.store.errors import LateError, LostError
from prisme.store.reader import Reader
from prisme.web.parsed_request import ParsedRequest


class StatsSource(msgspec.Struct, frozen=True):
    """The database, and how long all queries of one request may take together: `deadline`, in seconds."""

    database: Database
    cache: IncrementalCache
    clock: Clock
    deadline: float

    @property
    def now(self) -> int:
        """Microseconds."""
        return self.clock.wall() // 1000

    def open_reader(self, parsed: ParsedRequest) -> Reader:
        """A reader for a request; its deadline counts from when it came."""
        return Reader(self.database, self.deadline, parsed.began, parsed.cancellation)


def refuse_unavailable(error: LateError | LostError) -> Refusal:
    """The refusal of a request whose queries took too long, or whose database failed."""
    return refusal.STATS_LATE.with_reason(str(error)) if isinstance(error, LateError) else refusal.STATS_LOST
