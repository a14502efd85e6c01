"""The collaborators of every event, in one struct: what the wiring hands down."""

from collections.abc import Callable

import msgspec

from prisme.journal.appender import Appender
from prisme.visit.geo import Geo
from prisme.visit.identity import Identity
from prisme.visit.sessions import Sessions
from prisme.visit.useragent import UserAgents


class Services(msgspec.Struct, frozen=True):
    """`noise` gives 62 random bits a call."""

    identity: Identity
    sessions: Sessions
    user_agents: UserAgents
    geo: Geo
    journal: Appender
    noise: Callable[[], int]
