"""Events that are not pageviews: each belongs to the visit that is on its page, or begins a visit."""

from collections.abc import Callable
from typing import ClassVar

from prisme.base.events import DIRECT, Session
from prisme.ingest.pageview import DEFAULT_STATUS, PageEvent, find_at
from prisme.journal.record import Line
from prisme.visit.sessions import Visit

# From the device, the visit after the event, and the path of its page to its line in the journal.
MakeLine = Callable[[int | None, Session, str], Line]


class Action(PageEvent, frozen=True, gc=False):
    """A custom event, a download or a click on an outbound link; `make_line` makes its line in the journal."""

    make_line: MakeLine

    visitor: ClassVar[str] = ""  # only a pageview brings a visitor id
    status: ClassVar[int] = DEFAULT_STATUS
    source: ClassVar[str] = DIRECT
    pageviews: ClassVar[int] = 0
    events: ClassVar[int] = 1

    def choose(self, visits: tuple[Visit, ...]) -> Visit | None:
        """The visit that is on its page, else one that was there before, else the latest."""
        hit = self.hit
        return (find_at(visits, hit.page.path) if hit.page_known else None) or visits[-1]

    def continue_(self, session: Session, now: int) -> Session:
        """The visit with one more event."""
        return session.act(now)

    def line(self, device: int | None, session: Session) -> Line:
        """Its line in the journal, with its page's path, or the visit's where the browser sent the origin only."""
        return self.make_line(device, session, self.hit.page.path if self.hit.page_known else session.exit_path)
