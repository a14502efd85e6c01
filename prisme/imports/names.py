"""The names that other programs give to browsers, systems, devices and countries, as Prisme stores them.

Prisme's own are ua-parser's family names, and the two letters of ISO 3166-1. What is unknown is `Other`, or `XX`.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

import iso3166

from prisme.base.events import Client
from prisme.imports import name_tables as tables
from prisme.visit.device_type import find_device_type

OTHER: Final = "Other"
UNKNOWN: Final = "XX"

# Other programs have at most some hundreds of names; files can have any.
_CACHED: Final = 4096
_VERSION: Final = re.compile(r"[ /]+v?\d[\w.]*.*$")
_BLANK: Final = re.compile(r"[\s_-]+")
_REGION: Final = re.compile(r"([A-Za-z]{2})-([A-Za-z0-9]{1,3})")
# The shorter side of the screen, in CSS pixels: of phones at most 480, of tablets at least 600.
_TABLET_WIDTH: Final = 600


@lru_cache(_CACHED)
def browser(name: str) -> str:
    """The family of a browser, by its name with or without a version: `Chrome 126` and `chrome` are `Chrome`."""
    return tables.BROWSERS.get(_simplify(name)) or tables.BROWSERS.get(_simplify(_VERSION.sub("", name)), OTHER)


@lru_cache(_CACHED)
def system(name: str) -> str:
    """The family of an operating system, by its name with or without a version: `OS X` and `Mac OS` are `macOS`."""
    return tables.SYSTEMS.get(_simplify(name)) or tables.SYSTEMS.get(_simplify(_VERSION.sub("", name)), OTHER)


@lru_cache(_CACHED)
def device_type(name: str) -> str:
    """One of `DEVICE_TYPES`: a `laptop` is a desktop, a `smartphone` a mobile."""
    return tables.DEVICE_TYPES.get(_simplify(name), "other")


@lru_cache(_CACHED)
def country(name: str) -> str:
    """The two letters of a country, by its code (of two or three letters), its region's (`US-TX`), or English name."""
    text = name.strip()
    if region := _REGION.fullmatch(text):
        text = region[1]
    if len(text) == 2:
        code = tables.OTHER_CODES.get(text.upper(), text.upper())
        return code if code in iso3166.countries_by_alpha2 or code == "XK" else UNKNOWN
    if len(text) == 3 and (found := iso3166.countries_by_alpha3.get(text.upper())):
        return found.alpha2
    return _countries().get(_simplify_country(text), UNKNOWN)


@lru_cache(_CACHED)
def region(code: str) -> str:
    """The name of a region, by its code of ISO 3166-2: `US-TX` is `Texas`. The code itself where it has no name here.

    Empty for a country's code, and for anything else.
    """
    match = _REGION.fullmatch(code.strip())
    if not match or country(match[1]) == UNKNOWN:
        return ""
    text = match[0].upper()
    return tables.REGIONS.get(text, text)


@lru_cache(_CACHED)
def client(browser_name: str, system_name: str, device: str = "", width: int = 0) -> Client:
    """A client, by other programs' names of its browser, its system and, where there is one, its type of device.

    Without that, the type is the system's; `width`, the shorter side of the screen in CSS pixels, or 0 if it is not
    known, tells tablets from phones.
    """
    family, os = browser(browser_name), system(system_name)
    kind = device_type(device) if device else "other"
    if kind == "other":
        kind = find_device_type(os, "", "", True if os == "Android" else None)
        if kind == "mobile" and width >= _TABLET_WIDTH:
            kind = "tablet"
    family = tables.BROWSERS_OF_SYSTEMS.get((os, family), family)
    if os == "Android" and kind != "mobile" and family == "Chrome Mobile":
        family = "Chrome"  # as its User-Agent has it on tablets
    return Client(os, family, _find_device(os, kind), kind)


def _find_device(os: str, kind: str) -> str:
    """The family of a device, where the system has no others."""
    if os == "iOS":
        return "iPad" if kind == "tablet" else "iPhone"
    return "Mac" if os == "macOS" else OTHER


def _simplify(name: str) -> str:
    return _BLANK.sub(" ", name.strip()).casefold()


def _simplify_country(name: str) -> str:
    """Without accents, signs and the words that lists of countries differ in."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    words = re.findall(r"[a-z]+", plain.casefold().replace("st.", "saint"))
    return " ".join(sorted(word for word in words if word not in ("the", "of", "and")))


@cache
def _countries() -> dict[str, str]:
    """Codes by simplified names: those of ISO, then other common ones."""
    names = [(name, one.alpha2) for one in iso3166.countries for name in (one.name, one.apolitical_name)]
    names += [(name, code) for code, also in tables.COUNTRIES.items() for name in also]
    return {_simplify_country(name): code for name, code in names}
