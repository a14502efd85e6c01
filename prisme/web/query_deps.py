"""What answers SQL over HTTP."""

import msgspec

from prisme.store.event_store import SqlQueries
from prisme.web.identification import Identifier
from prisme.web.stats_source import StatsSource
from prisme.web.worker_pool import WorkerPool


class QueryDeps(msgspec.Struct, frozen=True):
    """`pool` has one thread of low priority."""

    runner: SqlQueries
    source: StatsSource
    identifier: Identifier
    pool: WorkerPool
