"""Events that are not pageviews: each belongs to the visit that is on its page, or begins a visit."""

from collections.abc import Callable
from typing import ClassVar

import msgspec

from prisme.base.events import DIRECT, Client, Location, Session
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import DEFAULT_STATUS, begin_visit, find_at
from prisme.journal.record import Line
from prisme.visit.sessions import Visit

# From the device, the visit after the event, and the path of its page to its line in the journal.
MakeLine = Callable[[int | None, Session, str], Line]


class Action(msgspec.Struct, frozen=True, gc=False):
    """A custom event, a download or a click on an outbound link; `make_line` makes its line in the journal."""

    hit: Hit
    make_line: MakeLine

    visitor: ClassVar[str] = ""  # only a pageview brings a visitor id

    def choose(self, visits: tuple[Visit, ...]) -> Visit | None:
        """The visit that is on its page, else one that was there before, else the latest."""
        hit = self.hit
        return (find_at(visits, hit.page.path) if hit.page_known else None) or visits[-1]

    def continue_(self, session: Session, now: int) -> Session:
        """The visit with one more event."""
        return session.act(now)

    def begin(self, uuid: str, now: int, visitor: str, client: Client, location: Location) -> Session:
        """A visit without a pageview yet."""
        return begin_visit(self.hit.page, uuid, now, visitor, client, location, DEFAULT_STATUS, DIRECT, 0)

    def line(self, device_hash: int | None, session: Session) -> Line:
        """Its line in the journal, with its page's path, or the visit's where the browser sent the origin only."""
        return self.make_line(device_hash, session, self.hit.page.path if self.hit.page_known else session.exit_path)
