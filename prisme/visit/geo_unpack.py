"""Unpacks a file of the country database as providers offer it, and tries it with look-ups, before it is installed."""

import contextlib
import gzip
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from random import Random
from typing import IO, Final, cast

import maxminddb

from prisme.visit.geo import GeoFile, is_special
from prisme.visit.geo_file import GeoError, describe_file, list_columns

# The largest databases of cities have some 500 MB.
_MOST_BYTES: Final = 4 << 30
_CHUNK_BYTES: Final = 1 << 20
_TAR_BYTES: Final = 512
# Look-ups of random addresses, which take some 20 us each in a database of cities.
SAMPLED: Final = 2000


def unpack(source: Path, target: Path) -> None:
    """Write the MMDB file to `target` that `source` is, or that is in it: a .gz, .tar or .tar.gz.

    Raises GeoError for a source without one, and OSError where `target` cannot be written.
    """
    with _reading(source) as file, target.open("wb") as copy:
        size = 0
        while chunk := _read(source, file):
            size += len(chunk)
            if size > _MOST_BYTES:
                raise GeoError(f"{source} unpacks to more than {_MOST_BYTES >> 30} GiB, and is no country database")
            copy.write(chunk)


@contextlib.contextmanager
def examining(path: Path, name: Path) -> Iterator[GeoFile]:
    """A file, which nobody changes meanwhile, open to be tried; messages call it `name`. Raises GeoError."""
    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT)
    except (maxminddb.InvalidDatabaseError, ValueError) as error:
        raise GeoError(f"{name} is not an MMDB file, or is damaged; a .gz or .tar.gz of one will do too") from error
    with contextlib.closing(reader):
        yield describe_file(name, reader)


def sample(file: GeoFile) -> Counter[str]:
    """How many of `SAMPLED` addresses (IPv4) have each column. Raises GeoError for a damaged file."""
    random = Random(0)  # noqa: S311  # for addresses, which are not secret
    found: Counter[str] = Counter()
    for _ in range(SAMPLED):
        address = IPv4Address(random.getrandbits(32))
        while is_special(4, address.packed):
            address = IPv4Address(random.getrandbits(32))
        try:
            found.update(list_columns(file.reader.get(address)))
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            raise GeoError(f"{file.path} is a damaged MMDB file: the look-up of {address} failed ({error})") from error
    return found


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[IO[bytes]]:
    with contextlib.ExitStack() as closing:
        try:
            file: IO[bytes] = closing.enter_context(source.open("rb"))
            is_packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
        except OSError as error:
            raise GeoError(f"{source} cannot be read: {error.strerror}") from error
        if is_packed:
            file = cast(IO[bytes], closing.enter_context(gzip.GzipFile(fileobj=file)))
        with _explaining(source):
            is_archive = file.read(_TAR_BYTES)[257:262] == b"ustar"
            file.seek(0)
            if is_archive:
                file = _find_member(source, closing.enter_context(tarfile.open(fileobj=file, mode="r|")))
        yield file


def _find_member(source: Path, archive: tarfile.TarFile) -> IO[bytes]:
    for member in archive:
        if member.name.endswith(".mmdb") and (file := archive.extractfile(member)):
            return file
    raise GeoError(f"{source} has no .mmdb file in it")


def _read(source: Path, file: IO[bytes]) -> bytes:
    with _explaining(source):
        return file.read(_CHUNK_BYTES)


@contextlib.contextmanager
def _explaining(source: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise GeoError(f"{source} is damaged, and cannot be unpacked: {error}") from error
