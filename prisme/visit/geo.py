"""Which country an address is in, by an MMDB file (https://maxmind.github.io/MaxMind-DB/).

The address is asked for and forgotten: nothing here keeps, caches or logs it.
"""

import shutil
import tempfile
from bisect import bisect_right
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from typing import Final

import maxminddb

from prisme.visit.address import Address

UNKNOWN: Final = "XX"

# A file whose first records name no country is of another kind. 1,000 records take about 2 ms.
_SAMPLE = 1000


def _edges(*networks: str) -> list[int]:
    """Where the networks, sorted, begin and end; a number is inside where an odd count of edges is at or below it."""
    return [edge for each in map(ip_network, networks) for edge in (int(each[0]), int(each[-1]) + 1)]


# Addresses that are nowhere: private, loopback, link-local, shared, for documentation, multicast, reserved.
# https://www.iana.org/assignments/iana-ipv4-special-registry (and -ipv6-); IPv6 is assigned from 2000::/3 alone.
# The standard library knows most of them, but its `is_global` takes 7 us, 20 times as long.
_NOWHERE = {
    4: _edges(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
    ),
    6: _edges("::/3", "2001::/23", "2001:db8::/32", "3fff::/20", "4000::/2", "8000::/1"),
}  # fmt: skip


class GeoError(ValueError):
    """The country database cannot be used; the text names the file and the reason."""


class Geo:
    """Countries from `path`. Not for several threads: a look-up must not meet `refresh` or `close`.

    A private copy is mapped (in `scratch`, by default the system's temporary folder; nameless, so it goes with the
    process): an operator who overwrites a mapped file in place would end the process with SIGBUS.
    """

    def __init__(self, path: Path, scratch: Path | None = None) -> None:
        self._path = path
        self._scratch = scratch
        self._stamp = _stamp(path)
        self._use(_open(path, scratch))
        # Why the file that is there now is not in use; None while it is.
        self.failure: str | None = None

    def country(self, address: Address) -> str:
        """ISO 3166-1 alpha-2, upper-case; `XX` where it is unknown."""
        version = address.version
        if not 0 < version <= self._version or bisect_right(_NOWHERE[version], int.from_bytes(address.packed)) % 2:
            return UNKNOWN
        try:
            # The reader takes a text as well, but reads it by getaddrinfo(3). It only looks for `packed`.
            return _code(self._reader.get(address)) or UNKNOWN  # type: ignore[arg-type]
        except (maxminddb.InvalidDatabaseError, ValueError):
            return UNKNOWN  # a damaged corner of an operator's file, or a closed one

    def refresh(self) -> bool:
        """Follow the file; true where a new one came into use. Where that fails the old one stays: see `failure`.

        One `stat` where nothing changed, else about 10 ms for 8 MB.
        """
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            fresh = _open(self._path, self._scratch)
        except GeoError as error:
            self.failure = str(error)
            return False
        self._reader.close()
        self._use(fresh)
        self.failure = None
        return True

    def close(self) -> None:
        """Unmap the file; every country is `XX` from here on."""
        self._reader.close()

    def _use(self, reader: maxminddb.Reader) -> None:
        self._reader = reader
        self._version = reader.metadata().ip_version


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _open(path: Path, scratch: Path | None) -> maxminddb.Reader:
    try:
        with path.open("rb") as source, tempfile.NamedTemporaryFile(dir=scratch, prefix="countries-") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            # The C reader on a map: 13 times the speed of the Python one.
            reader = maxminddb.open_database(copy.name, maxminddb.MODE_MMAP_EXT)
    except OSError as error:
        raise GeoError(f"the country database {path} cannot be opened: {error}") from error
    except (maxminddb.InvalidDatabaseError, ValueError) as error:
        raise GeoError(f"{path} is no MMDB file, or a broken one (unpack a .gz or .zip first)") from error
    flaw = _flaw(reader)
    if flaw:
        reader.close()
        raise GeoError(f"{path} {flaw}")
    return reader


def _flaw(reader: maxminddb.Reader) -> str:
    """What keeps the file from being of use; empty where nothing does."""
    try:
        if any(_code(record) for _, record in islice(reader, _SAMPLE)):
            return ""
    except maxminddb.InvalidDatabaseError as error:
        return f"is a broken MMDB file: {error}"
    except ValueError:  # maxminddb cannot list a network that holds all of IPv4 (`::/1`), though it finds it
        return ""
    kind = reader.metadata().database_type
    return f"({kind}) names no countries; its records need `country_code`, `country.iso_code` or `country`"


def _code(record: object) -> str:
    """The country of one record, in any of the three shapes; empty where it names none."""
    if not isinstance(record, dict):
        return ""
    code = record.get("country_code") or record.get("country")
    if isinstance(code, dict):
        code = code.get("iso_code")
    # Some files say ZZ (CLDR's "unknown region") where others have no record.
    if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() and code.upper() != "ZZ":
        return code.upper()
    return ""
