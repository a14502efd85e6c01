"""Goals and funnels: what the admins of a site define, as plain data for the store and the statistics."""

from typing import Final, Literal

import msgspec

from prisme.base.domains import host_of, includes

EVENT: Final = "event"
PAGE: Final = "page"
Kind = Literal["event", "page"]


class Goal(msgspec.Struct, frozen=True):
    """A custom event or a page of a site that counts as a conversion; `id` is 0 for one that is not stored yet.

    `pattern` is a filter on the event's name or the page's path, as in a URL: `/thanks*`. With a `property`, an event
    must have it, and with a `value` too, that value as text. `sum_property` has the number that is summed, by the
    three letters in `currency_property`. All of them are empty where they are not wanted.
    """

    id: int
    site: str
    name: str
    kind: Kind
    pattern: str
    property: str = ""
    value: str = ""
    sum_property: str = ""
    currency_property: str = ""


class Funnel(msgspec.Struct, frozen=True):
    """Two to four goals of a site, by their names, that visits reach one after the other."""

    id: int
    site: str
    name: str
    steps: tuple[str, ...]


class Definitions(msgspec.Struct, frozen=True):
    """The goals and funnels that a reader of statistics may see."""

    goals: tuple[Goal, ...] = ()
    funnels: tuple[Funnel, ...] = ()


def concerns(site: str, entry: str) -> bool:
    """Whether an entry, as of `domains.py`, allows rows of a site: a host, or `*.example.com`, with any port."""
    return includes(site, host_of(entry)) or includes(entry, site)
