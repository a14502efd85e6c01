"""Values of dimensions, and counts, as they stand in the cells of tables, in the form in which Prisme has them.

Texts are empty where a cell says nothing of which there could be figures.
"""

import datetime
import re
from functools import lru_cache
from typing import Final

from prisme.base.domains import host_of
from prisme.base.uri import normalise_host, normalise_path, parse
from prisme.imports import names
from prisme.imports.figures.sums import MOST_COUNT
from prisme.stats.channels import CHANNELS, find_channel
from prisme.stats.source_names import DIRECT, DIRECT_REFERRER, name_source
from prisme.store.arrivals import Arrival

# Characters; what is longer is cut.
_LONGEST: Final = 1000
# Of a count that is never above `MOST_COUNT`.
_DIGITS: Final = 12
_COUNT: Final = re.compile(r"([0-9]{1,13})(?:\.0*)?")
_NUMBER: Final = re.compile(r"[0-9]{1,13}(?:\.[0-9]*)?(?:[eE]-?[0-9]{1,2})?")
_CLOCK: Final = re.compile(r"([0-9]{1,6}):([0-9]{2}):([0-9]{2})")
_DAY: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_QUERY: Final = re.compile(r"[?#].*", re.DOTALL)
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
# How others call channels, where it is not ours in other letters.
_CHANNELS: Final = {
    "ai assistant": "AI assistants",
    "ai chatbots": "AI assistants",
    "campaigns": "Campaign",
    "cross-network": "Paid other",
    "direct entry": "Direct",
    "mobile push notifications": "Push and SMS",
    "organic shopping": "Referral",
    "organic social": "Social",
    "organic video": "Social",
    "paid shopping": "Paid other",
    "paid video": "Paid social",
    "search engines": "Organic search",
    "sms": "Push and SMS",
    "social networks": "Social",
    "websites": "Referral",
}
_SPELLINGS: Final = {channel.lower(): channel for channel in CHANNELS} | _CHANNELS


def read_count(cell: str) -> int | None:
    """A count; None where the cell is empty. Raises ValueError."""
    if len(cell) <= _DIGITS and cell.isascii() and cell.isdigit():  # most cells
        return int(cell)
    text = cell.strip()
    if not text or text == r"\N":
        return None
    found = _COUNT.fullmatch(text)
    if not found or int(found[1]) > MOST_COUNT:
        raise ValueError("no count")
    return int(found[1])


def read_number(cell: str) -> float | None:
    """A number that is not negative, a percentage as a fraction; None where the cell is empty. Raises ValueError."""
    text = cell.strip()
    if not text:
        return None
    number = text.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(number):
        raise ValueError("no number")
    return float(number) / (100 if number != text else 1)


def multiply(average: float | None, count: int) -> int | None:
    """The sum of as many values as are counted, by their average. Raises ValueError."""
    if average is None:
        return None
    if average * count > MOST_COUNT:
        raise ValueError("no average")
    return round(average * count)


def read_length(cell: str) -> float | None:
    """Seconds, as a number or as `00:10:55`; None where the cell is empty. Raises ValueError."""
    found = _CLOCK.fullmatch(cell.strip())
    return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3]) if found else read_number(cell)


@lru_cache(1024)
def read_day(cell: str) -> datetime.date:
    """A day, as `2026-08-01` or `20260801`. Raises ValueError."""
    found = _DAY.fullmatch(cell.strip())
    if not found:
        raise ValueError("no day such as 2026-08-01")
    return datetime.date(int(found[1]), int(found[2]), int(found[3]))


def clean(text: str) -> str:
    """A text without what cannot be printed and the blanks around it, cut if it is very long."""
    printable = text if text.isprintable() else "".join(filter(str.isprintable, text))
    return printable.strip()[:_LONGEST].rstrip()


def read_path(text: str) -> str:
    """The path of a page, by its path or URL, with a query or without: page parameters are not known."""
    plain = clean(text)
    if origin := _ORIGIN.match(plain):
        plain = f"/{plain[origin.end() :].removeprefix('/')}"
    path = _QUERY.sub("", plain)
    return normalise_path(path) if path else ""


def read_host(text: str) -> str:
    """A host, with its port if it has one, by a URL, or one without its scheme; what is none stays in small letters."""
    plain = clean(text).removeprefix("//")
    with_scheme = plain if "://" in plain else f"https://{plain}"
    url = parse(with_scheme.encode())
    return url.domain if url else plain.lower()


def is_host(text: str) -> bool:
    """Whether a text is a host, with or without its port, that others can reach: with a dot in its name."""
    host = host_of(text)
    return "." in host and normalise_host(host) is not None


def read_link(text: str) -> str:
    """An absolute URL, as outbound links and downloads have it; empty for anything else."""
    url = parse(clean(text).encode())
    return str(url) if url else ""


def read_country(text: str) -> str:
    """The code of a country by its code or English name."""
    return names.country(text)


def read_place(name: str, country: str) -> str:
    """A region or city with its country's code: `Paris (FR)`. Empty where either is not known."""
    place = clean(name)
    return f"{place} ({country})" if place and country != names.UNKNOWN else ""


def read_region(code: str) -> str:
    """A region by its code in ISO 3166-2: `Texas (US)` for `US-TX`."""
    return read_place(names.region(code), names.country(code))


def read_source(text: str) -> str:
    """The name of a source, by another program's name of it, a host, or an `utm_source`."""
    plain = clean(text)
    return DIRECT if plain.lower() in ("direct / none", "(direct)", "direct", "direct entry") else name_source(plain)


def read_channel(text: str) -> str:
    """The channel that another program names; empty where there is none like it."""
    return _SPELLINGS.get(clean(text).lower(), "")


def derive_channel(source: str, medium: str) -> str:
    """The channel of what came from a source, by its name, and a medium, which is empty where there was none."""
    referrer = DIRECT_REFERRER if source == DIRECT else source
    # As a campaign has it. A medium alone stands for a campaign, which a direct visit is not.
    utm_source = source if medium and source != DIRECT else ""
    return find_channel(Arrival(referrer, utm_source, medium if source != DIRECT else "", ""), source)
