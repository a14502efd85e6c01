"""What readers give: requests, visits and figures of days.

Times are integers, microseconds since the Unix epoch (UTC). Texts are decoded, and empty where the source says nothing.
"""

import datetime

import msgspec

from prisme.base.events import Client, Session

PAGEVIEW, CUSTOM, DOWNLOAD, OUTBOUND = KINDS = ("pageview", "custom", "download", "outbound")


class Request(msgspec.Struct, frozen=True, gc=False):
    """A pageview or event of a source that does not know visits: they are made by the rule of visits.

    `url` is absolute, with a query if it has one, as it was sent; its host is normalised, and registered or not, later.
    `referrer` is an absolute URL, or empty. Who it was: `visitor` where the source has an id of its own for that, which
    is used and forgotten; else `address` and `user_agent`, also used and forgotten. `client`, `country`, `region` and
    `city` are for sources that have the names and no User-Agent. A source that has refused bots itself gives a
    `client`. Of an event, `name` is its name, or the URL of a download or outbound click; `properties` is JSON.
    """

    at: int
    url: str
    referrer: str = ""
    address: str = ""
    user_agent: str = ""
    visitor: str = ""
    client: Client | None = None
    country: str = ""
    region: str = ""
    city: str = ""
    status: int = 200
    kind: str = PAGEVIEW
    name: str = ""
    properties: str = "{}"


class Row(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A pageview, or an event, of a visit. `visitor` is the visit's id at that time; empty where it is the same."""

    kind: str
    at: int
    path: str
    status: int = 0
    name: str = ""
    properties: str = ""
    url: str = ""
    visitor: str = ""


class Visit(msgspec.Struct, frozen=True, gc=False):
    """A visit that is over, with all that happened in it, in the order of time.

    Its uuid is of version 7 and has the time of its entry; the same visit read again has the same one. As many rows are
    pageviews, and events, as the session says.
    """

    session: Session
    rows: list[Row]


class Figure(msgspec.Struct, frozen=True, gc=False):
    """What a source counted on a day, for one `value` of a `dimension`; both are empty for the whole day.

    Dimensions are named as filters are (`stats/filters.py`). None is what the source does not say.
    """

    domain: str
    day: datetime.date
    dimension: str = ""
    value: str = ""
    visitors: int | None = None
    sessions: int | None = None
    pageviews: int | None = None
    events: int | None = None
    bounces: int | None = None
    seconds: int | None = None


Item = Request | Visit | Figure
