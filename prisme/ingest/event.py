"""What pageviews and actions have in common: the page that they happen on, and the visit that begins with one."""

from typing import Protocol

import msgspec

from prisme.base.events import Client, Session
from prisme.ingest.hit import Hit


class FirstEvent(Protocol):
    """What an event gives to the visit that begins with it; it counts as `pageviews` and as `events` of that visit."""

    @property
    def hit(self) -> Hit:
        """Its page and client."""

    @property
    def status(self) -> int:
        """The HTTP status of the page."""

    @property
    def source(self) -> str:
        """The host that the visitor came from, or `direct`."""

    @property
    def pageviews(self) -> int:
        """1 for a pageview, else 0."""

    @property
    def events(self) -> int:
        """0 for a pageview, else 1."""


class PageEvent(msgspec.Struct, frozen=True, gc=False):
    """The base of pageviews and actions, which are a `FirstEvent` each."""

    hit: Hit

    def begin(self: FirstEvent, uuid: str, now: int, visitor: str, client: Client, country: str) -> Session:
        """A visit that begins with this event, at `now` in microseconds; `uuid` is its key."""
        page = self.hit.page
        path = page.path
        return Session(
            uuid,
            page.domain,
            now,
            path,
            now,
            path,
            self.status,
            visitor,
            client,
            country,
            self.source,
            page.utm,
            self.pageviews,
            self.events,
        )
