"""The file of the country database, in MMDB format (https://maxmind.github.io/MaxMind-DB/): which, and opening it."""

import errno
import os
import shutil
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Final

import maxminddb

from prisme import assets
from prisme.base.events import Place
from prisme.visit.geo import COLUMNS, GeoFile, read_country, read_place

# In the data folder: what `prisme geoip update` installs.
INSTALLED: Final = "geoip.mmdb"
# A file is rejected where none of its first records has a country. 1,000 records take about 2 ms.
_SAMPLE: Final = 1000


class GeoError(ValueError):
    """The country database cannot be used; the message has the file and the reason."""


class GeoSource:
    """Opens the first of the files at `paths` that exists, as a private copy in the folder `scratch` (`open_file`)."""

    def __init__(self, paths: Sequence[Path], scratch: Path | None = None) -> None:
        self._paths = paths
        self._scratch = scratch
        self._stamp = self._look()

    @property
    def path(self) -> Path:
        """The first of the paths that exists, else the last one."""
        return next((path for path in self._paths if path.exists()), self._paths[-1])

    def has_changed(self) -> bool:
        """Whether there is another file than at the last call, or at first. Takes a `stat` or two."""
        before, self._stamp = self._stamp, self._look()
        return self._stamp != before

    def open(self) -> GeoFile:
        """Open the file that is there now. In any thread. Raises GeoError."""
        return open_file(self.path, self._scratch)

    def at(self, paths: Sequence[Path]) -> "GeoSource":
        """The same for other paths."""
        return GeoSource(paths, self._scratch)

    def follow(self, other: "GeoSource") -> None:
        """Open the files of another one from now on; its file counts as changed, so that it is looked at again."""
        self._paths, self._stamp = other._paths, None

    def _look(self) -> tuple[Path, int, int, int] | None:
        path = self.path
        try:
            stat = path.stat()
        except OSError:
            return None
        return path, stat.st_mtime_ns, stat.st_size, stat.st_ino


def list_paths(own: Path | None, folder: Path) -> tuple[Path, ...]:
    """The files that may be used, of which the first that exists is.

    They are an `own` one of the configuration, or else the one installed in the data folder, and the bundled one.
    """
    return (own,) if own else (folder / INSTALLED, assets.COUNTRIES)


def open_file(path: Path, scratch: Path | None) -> GeoFile:
    """Map a private copy of a file, made in `scratch`, by default the system's folder for temporary files.

    If the file itself were mapped, an operator who overwrote it in place would end the process with SIGBUS. The copy is
    unlinked at once, so that it disappears with the process. Takes about 10 ms for 8 MB. Raises GeoError.
    """
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
        raise GeoError(f"{path} is not an MMDB file, or is damaged (`prisme geoip update` unpacks a .gz)") from error
    try:
        return describe_file(path, reader)
    except GeoError:
        reader.close()
        raise


def describe_file(path: Path, reader: maxminddb.Reader) -> GeoFile:
    """What an open file is. Raises GeoError for one without countries, and for a damaged one."""
    data = reader.metadata()
    try:
        columns = _find_columns(reader)
    except maxminddb.InvalidDatabaseError as error:
        raise GeoError(f"{path} is a damaged MMDB file: {error}") from error
    except ValueError:  # maxminddb cannot list a network that contains all of IPv4 (`::/1`), though it can look it up
        columns = ("country",)
    if not columns:
        raise GeoError(
            f"{path} ({data.database_type}) has no countries; "
            "its records need `country_code`, `country.iso_code` or `country`"
        )
    return GeoFile(path, reader, data.database_type, data.build_epoch, data.ip_version, columns)


def _map(source: IO[bytes], copy: IO[bytes], name: str) -> maxminddb.Reader:
    """Copy the file, and map the copy, which has this name."""
    shutil.copyfileobj(source, copy, 1 << 20)
    copy.flush()
    # The C reader on a mapped file is 13 times as fast as the Python one.
    return maxminddb.open_database(name, maxminddb.MODE_MMAP_EXT)


def _find_columns(reader: maxminddb.Reader) -> tuple[str, ...]:
    """The columns of the first records, up to one that is damaged, unless none before that has a country."""
    found: set[str] = set()
    try:
        for _, record in islice(reader, _SAMPLE):
            found |= list_columns(record)
    except (maxminddb.InvalidDatabaseError, ValueError):
        if not found:
            raise
    return tuple(name for name in COLUMNS if name in found)


def list_columns(record: object) -> set[str]:
    """Which of `COLUMNS` a record has."""
    country = read_country(record)
    if not country or not isinstance(record, dict):
        return set()
    place = read_place(record, country, with_city=True) or Place()
    return {name for name, text in zip(COLUMNS, (country, place.region, place.city), strict=True) if text}
