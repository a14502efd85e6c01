"""What is known of a visit: plain values that the journal writes, the store loads and sessions remember.

Times are integers, microseconds since the Unix epoch, UTC.
"""

import msgspec

DIRECT = "direct"


class Client(msgspec.Struct, frozen=True, gc=False):
    """The visitor's software, by ua-parser's family names."""

    os: str
    browser: str
    device: str


class Utm(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The campaign that brought the visitor; an empty string where a part is absent, which the journal leaves out."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    term: str = ""
    content: str = ""


NO_UTM = Utm()


class Session(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One session's newest state. `latest` is the path last seen, `active` the time of its last event.

    `real` is false for a copy that waits for its first pageview: no row of it is stored yet.
    """

    uuid: str
    domain: str
    entry: int
    entry_path: str
    exit: int
    latest: str
    status: int
    visitor: str
    client: Client
    country: str
    referrer: str
    utm: Utm
    pageviews: int
    active: int
    real: bool = True

    def turn(self, path: str, now: int, status: int, visitor: str) -> "Session":
        """The session after one more pageview; `visitor` is the id it carries from here on."""
        return Session(
            self.uuid,
            self.domain,
            self.entry,
            self.entry_path,
            now,
            path,
            status,
            visitor,
            self.client,
            self.country,
            self.referrer,
            self.utm,
            self.pageviews + 1,
            now,
        )

    def fork(self, uuid: str, path: str, now: int, pageviews: int) -> "Session":
        """A copy that starts at `path`: a second tab, which becomes real with its next pageview."""
        return Session(
            uuid,
            self.domain,
            now,
            path,
            now,
            path,
            self.status,
            self.visitor,
            self.client,
            self.country,
            self.referrer,
            self.utm,
            pageviews,
            now,
            False,
        )

    def touch(self, now: int) -> "Session":
        """The session after an event that is no pageview."""
        return Session(
            self.uuid,
            self.domain,
            self.entry,
            self.entry_path,
            self.exit,
            self.latest,
            self.status,
            self.visitor,
            self.client,
            self.country,
            self.referrer,
            self.utm,
            self.pageviews,
            max(self.active, now),
            self.real,
        )
