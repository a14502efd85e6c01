"""What recording an event needs, in one struct."""

from collections import defaultdict
from collections.abc import Callable

import msgspec

from prisme.journal.appender import Appender
from prisme.runtime.freespace import FreeSpace
from prisme.visit.concentration import Concentration
from prisme.visit.geo import Geo
from prisme.visit.identity import Identity
from prisme.visit.sessions import Sessions
from prisme.visit.useragent import UserAgents


class Lookups:
    """What was looked up: User-Agents by whether they were bots', addresses by country and IP version (0: none)."""

    def __init__(self) -> None:
        self.bots: defaultdict[bool, int] = defaultdict(int)
        self.countries: defaultdict[tuple[str, int], int] = defaultdict(int)


class Services(msgspec.Struct, frozen=True):
    """`noise` gives 62 random bits a call."""

    identity: Identity
    sessions: Sessions
    user_agents: UserAgents
    geo: Geo
    journal: Appender
    disk: FreeSpace
    lookups: Lookups
    concentration: Concentration
    noise: Callable[[], int]
