"""What rows of Umami's tables say, by the names of their columns, which differ by version."""

import re
from typing import Final

import msgspec

from prisme.base.events import Client, Location, Place, Utm
from prisme.imports import names
from prisme.imports.items import CUSTOM, PAGEVIEW
from prisme.imports.peers.csv_rows import Row
from prisme.imports.peers.times import read_time

# By `event_type`. Others are of links, pixels and measurements of performance.
KINDS: Final = {"1": PAGEVIEW, "2": CUSTOM}

_NOTHING: Final = "00000000-0000-0000-0000-000000000000"
_CLICK_IDS: Final = ("gclid", "fbclid", "msclkid", "ttclid", "li_fat_id", "twclid")
_NUMBER: Final = re.compile(r"(-?\d{1,50})(?:\.(\d{1,50}?))?0*")
_SCREEN: Final = re.compile(r"(\d{1,5})x(\d{1,5})")


class Seen(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """Who a session was, in the row of the session, or of each event. Texts are empty where they are missing."""

    host: str = ""
    browser: str = ""
    os: str = ""
    device: str = ""
    screen: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    distinct: str = ""

    def fill(self, other: "Seen") -> "Seen":
        """With the other's texts for what is missing."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Seen(*[one or two for one, two in pairs])

    def find_client(self) -> Client:
        """The client, by our names."""
        match = _SCREEN.fullmatch(self.screen)
        return names.client(self.browser, self.os, self.device, min(map(int, match.groups())) if match else 0)

    def find_location(self) -> Location:
        """The country and the place in it."""
        region = names.region(self.region) or names.region(f"{self.country}-{self.region}") or self.region
        return Location(names.country(self.country), Place(region, self.city) if region or self.city else None)


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A pageview or event. `referrer` is a host, `website` the website's domain, `click_id` a parameter's name."""

    kind: str
    path: str
    query: str
    referrer: str
    name: str
    utm: Utm
    click_id: str
    website: str


def read_event(row: Row, websites: dict[str, str]) -> tuple[int, Event] | None:
    """The time and what happened; None without a time or a session. Its `event_type` is one of `KINDS`."""
    get = row.get
    moment = read_time(get("created_at"))
    if moment is None or moment < 0 or not get("session_id"):
        return None
    utm = Utm(get("utm_source"), get("utm_medium"), get("utm_campaign"), get("utm_term"), get("utm_content"))
    click_id = next((name for name in _CLICK_IDS if get(name)), "")
    return moment, Event(
        KINDS[get("event_type")], get("url_path"), get("url_query"), get("referrer_domain"), get("event_name"), utm,
        click_id, websites.get(get("website_id"), ""),
    )  # fmt: skip


def read_seen(row: Row) -> Seen:
    """Who it was, by a row of an event or a session."""
    get = row.get
    region = get("region") or get("subdivision1")
    return Seen(
        get("hostname"), get("browser"), get("os"), get("device"), get("screen"), get("country"), region, get("city"),
        get("distinct_id"),
    )  # fmt: skip


def find_event(row: Row) -> str:
    """The id of the event that a row is, or belongs to."""
    return row.get("website_event_id") or row.get("event_id")


def find_visit(row: Row) -> str:
    """The id of the visit, empty where there is none."""
    visit = row.get("visit_id")
    return "" if visit == _NOTHING else visit


def read_property(row: Row) -> tuple[str, str]:
    """A property of an event: its name, and its value as JSON."""
    kind, text = row.get("data_type"), row.get("string_value")
    if kind == "2":
        number = _NUMBER.fullmatch(row.get("number_value") or text)
        if number:
            whole, decimals = number.groups()
            return row.get("data_key"), f"{whole}.{decimals}" if (decimals or "").strip("0") else str(int(whole))
    elif kind == "3" and text in ("true", "false"):
        return row.get("data_key"), text
    elif kind == "4":
        text = text or row.get("date_value")
    elif kind == "5" and _is_json(text):
        return row.get("data_key"), text
    return row.get("data_key"), msgspec.json.encode(text).decode()


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
