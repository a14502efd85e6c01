"""The country of an address, by an MMDB file (https://maxmind.github.io/MaxMind-DB/).

Addresses are looked up only: nothing here stores, caches or logs them.
"""

import errno
import os
import shutil
import tempfile
from bisect import bisect_right
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from typing import IO, Final

import maxminddb

from prisme.visit.address import Address

UNKNOWN: Final = "XX"

# A file is rejected where none of its first records has a country. 1,000 records take about 2 ms.
_SAMPLE = 1000


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


class GeoError(ValueError):
    """The country database cannot be used; the message has the file and the reason."""


class Geo:
    """Looks up countries in the file at `path`. Not thread-safe: no look-up may run during `refresh` or `close`.

    What is mapped is a private copy in `scratch`, by default the system's temporary folder: if the file itself were
    mapped, an operator who overwrote it in place would end the process with SIGBUS. The copy is unlinked at once, so
    that it disappears with the process.
    """

    def __init__(self, path: Path, scratch: Path | None = None) -> None:
        self._path = path
        self._scratch = scratch
        self._stamp = _stamp(path)
        self._use(_open(path, scratch))
        # Why the file's current content is not in use; None while it is.
        self.failure: str | None = None

    def country(self, address: Address) -> str:
        """The country's code in ISO 3166-1 alpha-2, upper-case; `XX` where it is unknown."""
        version = address.version
        if not 0 < version <= self._version or bisect_right(_NOT_GLOBAL[version], int.from_bytes(address.packed)) % 2:
            return UNKNOWN
        try:
            # The reader takes any object with `packed`. A text would be parsed by getaddrinfo(3).
            return _code(self._reader.get(address)) or UNKNOWN  # type: ignore[arg-type]
        except (maxminddb.InvalidDatabaseError, ValueError):
            return UNKNOWN  # the file is damaged at this record, or closed

    def refresh(self) -> bool:
        """Load the file again if it has changed, and return whether it did so.

        Where the new file cannot be used, the old one stays in use, and `failure` has the reason. Takes one `stat`
        where nothing has changed, else about 10 ms for 8 MB.
        """
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            reader = _open(self._path, self._scratch)
        except GeoError as error:
            self.failure = str(error)
            return False
        self._reader.close()
        self._use(reader)
        self.failure = None
        return True

    def open_other(self, path: Path) -> "Geo":
        """Another file, for `take_over`. Raises GeoError. It may take a while, in any thread."""
        return Geo(path, self._scratch)

    def take_over(self, other: "Geo") -> None:
        """Look countries up in the file of the other one from now on, which is not to be used any more."""
        self._reader.close()
        self._path, self._stamp, self.failure = other._path, other._stamp, None
        self._use(other._reader)

    def close(self) -> None:
        """Unmap the file; from then on, every country is `XX`."""
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
        with path.open("rb") as source:
            try:
                with tempfile.NamedTemporaryFile(dir=scratch, prefix="countries-") as copy:
                    reader = _map(source, copy, copy.name)
            except OSError as error:
                if error.errno != errno.ENOSPC or not hasattr(os, "memfd_create"):
                    raise
                # On a full disk, figures can be shown all the same: the copy is in memory.
                source.seek(0)
                with os.fdopen(os.memfd_create("countries"), "wb") as copy:
                    reader = _map(source, copy, f"/proc/self/fd/{copy.fileno()}")
    except OSError as error:
        raise GeoError(f"the country database {path} cannot be opened: {error}") from error
    except (maxminddb.InvalidDatabaseError, ValueError) as error:
        raise GeoError(f"{path} is not an MMDB file, or is damaged (unpack a .gz or .zip first)") from error
    fault = _find_fault(reader)
    if fault:
        reader.close()
        raise GeoError(f"{path} {fault}")
    return reader


def _map(source: IO[bytes], copy: IO[bytes], name: str) -> maxminddb.Reader:
    """Copy the file, and map the copy, which has this name."""
    shutil.copyfileobj(source, copy)
    copy.flush()
    # The C reader on a mapped file is 13 times as fast as the Python one.
    return maxminddb.open_database(name, maxminddb.MODE_MMAP_EXT)


def _find_fault(reader: maxminddb.Reader) -> str:
    """Why the file cannot be used; empty where it can."""
    try:
        if any(_code(record) for _, record in islice(reader, _SAMPLE)):
            return ""
    except maxminddb.InvalidDatabaseError as error:
        return f"is a damaged MMDB file: {error}"
    except ValueError:  # maxminddb cannot list a network that contains all of IPv4 (`::/1`), though it can look it up
        return ""
    database_type = reader.metadata().database_type
    return f"({database_type}) has no countries; its records need `country_code`, `country.iso_code` or `country`"


def _code(record: object) -> str:
    """The country of a record, in any of the three shapes; empty where it has none."""
    if not isinstance(record, dict):
        return ""
    code = record.get("country_code") or record.get("country")
    if isinstance(code, dict):
        code = code.get("iso_code")
    # Some files have ZZ (CLDR's "unknown region") where others have no record.
    if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() and code.upper() != "ZZ":
        return code.upper()
    return ""
