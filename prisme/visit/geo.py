"""Where an address is: its country, and the region and city where the MMDB file has them.

Addresses are looked up only: nothing here stores, caches or logs them.
"""

from bisect import bisect_right
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from sys import intern
from typing import Any, Final, Literal, NamedTuple

import maxminddb

from prisme.base.events import Location, Place
from prisme.base.memo import Memo
from prisme.visit.address import Address

UNKNOWN: Final = "XX"
Precision = Literal["country", "region", "city"]
COLUMNS: Final = ("country", "region", "city")
_NOWHERE: Final = Location(UNKNOWN)
# As many as there are codes of two letters.
_COUNTRIES: Final = Memo[str, Location](Location, 26 * 26)
# Longer names are cut.
_LONGEST: Final = 100
# Where files have the name of the first level below the country, if not in `subdivisions`.
_REGIONS: Final = ("region", "state1", "region_name", "stateprov")


def _edges(*networks: str) -> list[int]:
    """The first address of each network and the one after its last; the networks have to be sorted.

    An address is inside a network where the number of edges at or below it is odd.
    """
    return [edge for each in map(ip_network, networks) for edge in (int(each[0]), int(each[-1]) + 1)]


# Addresses that are in no country: private, loopback, link-local, shared, for documentation, multicast, reserved.
# https://www.iana.org/assignments/iana-ipv4-special-registry (and -ipv6-); IPv6 is assigned from 2000::/3 alone.
# The standard library's `is_global` knows most of them, but takes 7 us, 20 times as long.
_NOT_GLOBAL = {
    4: _edges(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
    ),
    6: _edges("::/3", "2001::/23", "2001:db8::/32", "3fff::/20", "4000::/2", "8000::/1"),
}  # fmt: skip


class GeoFile(NamedTuple):
    """An open file: `kind` is its type as it says, `built` the Unix time of its data.

    `columns` are those that its first records have: `country`, then `region` and `city`.
    """

    path: Path
    reader: maxminddb.Reader
    kind: str
    built: int
    ip_version: int
    columns: tuple[str, ...]


class Geo:
    """Looks up addresses in `file`. `precision` is the most that it tells.

    Not thread-safe: no look-up may run during `use` or `close`.
    """

    def __init__(self, file: GeoFile, precision: Precision = "city") -> None:
        self.limit(precision)
        self._set(file)

    def limit(self, precision: Precision) -> None:
        """Tell no more than this from now on."""
        self._most = COLUMNS[: COLUMNS.index(precision) + 1]
        self._has_place = precision != "country"
        self._has_city = precision == "city"

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns of the file that it tells."""
        return tuple(name for name in self.file.columns if name in self._most)

    def locate(self, address: Address) -> Location:
        """Where an address is: `XX` for an unknown country."""
        version = address.version
        if not 0 < version <= self._version or bisect_right(_NOT_GLOBAL[version], int.from_bytes(address.packed)) % 2:
            return _NOWHERE
        try:
            # The reader takes any object with `packed`. A text would be parsed by getaddrinfo(3).
            record: Any = self._get(address)  # type: ignore[arg-type]
        except (maxminddb.InvalidDatabaseError, ValueError):
            return _NOWHERE  # the file is damaged at this record, or closed
        country = read_country(record)
        if not country:
            return _NOWHERE
        # The records of the bundled file have their country alone.
        if len(record) == 1 or not self._has_place:
            return _COUNTRIES[country]
        return Location(country, read_place(record, country, with_city=self._has_city))

    def use(self, file: GeoFile) -> None:
        """Look up in this file from now on."""
        self.close()
        self._set(file)

    def close(self) -> None:
        """Unmap the file; from then on, every country is `XX`."""
        self.file.reader.close()

    def _set(self, file: GeoFile) -> None:
        self.file = file
        self._get = file.reader.get
        self._version = file.ip_version


def is_special(version: int, packed: bytes) -> bool:
    """Whether an address is in no country, whatever a file says; `Geo.locate` has the same without a call."""
    return bisect_right(_NOT_GLOBAL[version], int.from_bytes(packed)) % 2 == 1


def read_country(record: object) -> str:
    """The country of a record, in ISO 3166-1 alpha-2 and upper-case; empty where it has none."""
    if not isinstance(record, dict):
        return ""
    code = record.get("country_code") or record.get("country")
    if isinstance(code, dict):
        code = code.get("iso_code")
    # Some files have ZZ (CLDR's "unknown region") where others have no record.
    if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() and code.upper() != "ZZ":
        return code.upper()
    return ""


def read_place(record: Mapping[str, Any], country: str, *, with_city: bool) -> Place | None:
    """The region of a record, and its city; None where it has neither. Equal texts are one in memory."""
    region, city = _read_region(record, country), _read_name(record.get("city")) if with_city else ""
    return Place(intern(region), intern(city)) if region or city else None


def _read_region(record: Mapping[str, Any], country: str) -> str:
    """The name of the largest subdivision; its code in ISO 3166-2, such as `FR-IDF`, where the file has no name."""
    divisions = record.get("subdivisions")
    first = divisions[0] if isinstance(divisions, list) and divisions else None
    names = (_read_name(one) for one in (first, *map(record.get, _REGIONS)))
    name = next(filter(None, names), "")
    if name:
        return name
    code = _clean(first.get("iso_code") if isinstance(first, dict) else record.get("region_code"))
    return f"{country}-{code}" if code else ""


def _read_name(value: object) -> str:
    """The name that a value is, or has in English."""
    if isinstance(value, dict):
        names = value.get("names")
        value = names.get("en") if isinstance(names, dict) else None
    return _clean(value)


def _clean(value: object) -> str:
    if not isinstance(value, str):
        return ""
    text = value if value.isprintable() else "".join(filter(str.isprintable, value))
    return text.strip()[:_LONGEST].rstrip()
