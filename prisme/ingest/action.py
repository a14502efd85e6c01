"""What happens on a page beside its pageview: it belongs to the visit that is there, or begins one of its own."""

from collections.abc import Callable

import msgspec

from prisme.base.events import DIRECT, Client, Session
from prisme.ingest.hit import Hit
from prisme.ingest.pageview import DEFAULT_STATUS, find_at
from prisme.journal.record import Line
from prisme.visit.sessions import Visit

# Device, the visit after it, and the path of its page.
Write = Callable[[int | None, Session, str], Line]


class Action(msgspec.Struct, frozen=True, gc=False):
    """A custom event, a download or an outbound click; `write` gives its line in the journal."""

    hit: Hit
    write: Write

    @property
    def visitor(self) -> str:
        """Only pageviews say who the visitor is."""
        return ""

    def choose(self, visits: tuple[Visit, ...]) -> Visit | None:
        """The visit that is on its page, else the one that was there; the latest for any other page, known or not."""
        hit = self.hit
        return (find_at(visits, hit.page.path) if hit.page_known else None) or visits[-1]

    def continue_(self, session: Session, now: int) -> Session:
        """The visit with one more event."""
        return session.act(now)

    def begin(self, uuid: str, now: int, visitor: str, client: Client, country: str) -> Session:
        """A visit without a pageview yet."""
        page = self.hit.page
        return Session(
            uuid,
            page.domain,
            now,
            page.path,
            now,
            page.path,
            DEFAULT_STATUS,
            visitor,
            client,
            country,
            DIRECT,
            page.utm,
            0,
            1,
        )

    def line(self, device: int | None, session: Session) -> Line:
        """The journal's line, with the page's own path; the visit's, where the browser did not say the page."""
        return self.write(device, session, self.hit.page.path if self.hit.page_known else session.exit_path)
