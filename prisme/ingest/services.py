"""What recording an event needs, in one struct."""

from collections import defaultdict
from collections.abc import Callable

import msgspec

from prisme.journal.appender import Appender
from prisme.runtime.freespace import FreeSpace
from prisme.runtime.metrics import Counter, Metric
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

    def metrics(self) -> list[Metric]:
        """Both counts."""
        return [
            Counter(
                "ipgeolocator_search_total",
                "Look-ups of a country.",
                ("country_code", "ip_version"),
                lambda: {(code, str(version)): count for (code, version), count in self.countries.items()},
            ),
            Counter(
                "uaparser_parse_total",
                "User-Agents read.",
                ("is_bot",),
                lambda: {(str(is_bot).lower(),): count for is_bot, count in self.bots.items()},
            ),
        ]


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
