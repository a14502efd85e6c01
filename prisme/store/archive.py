"""The form of a backup: a tar archive of three files, of which the first one describes the others.

Only what is written here is read: `manifest.json`, then the files that it names, in its order, as plain files.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from prisme.base.errors import InputError
from prisme.store.table_sums import TableSums

MANIFEST: Final = "manifest.json"
DATABASE: Final = "prisme.duckdb"
CONTROL: Final = "control.sqlite"
_MEMBERS: Final = [DATABASE, CONTROL]
_FORM: Final = 1
_MANIFEST_BYTES: Final = 1 << 20
_BLOCK: Final = 512
_CHUNK: Final = 1 << 19
# Told of a file's name, and of the bytes of it that are done, of all.
Tell = Callable[[str, int, int], object]


class Member(msgspec.Struct, frozen=True):
    """A file of the archive."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What the archive has: the versions of what wrote it, when (UTC), the tables' sums, and the files."""

    form: int
    prisme: str
    duckdb: str
    taken: str
    schemas: Mapping[str, int]
    tables: Mapping[str, TableSums]
    files: dict[str, Member]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(member.bytes for member in self.files.values())


class DamagedError(InputError):
    """A file is no backup of Prisme, or not any more; the message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"this is no backup of Prisme, or it is damaged: {reason}")


def describe(
    prisme: str,
    duckdb: str,
    taken: str,
    schemas: Mapping[str, int],
    tables: Mapping[str, TableSums],
    files: Mapping[str, Path],
    tell: Tell,
) -> Manifest:
    """The manifest of files, which are read. Raises OSError."""
    members = {name: _describe_file(name, files[name], tell) for name in _MEMBERS}
    return Manifest(_FORM, prisme, duckdb, taken, schemas, tables, members)


def _describe_file(name: str, path: Path, tell: Tell) -> Member:
    digest, size = hashlib.sha256(), path.stat().st_size
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
            tell(name, file.tell(), size)
    return Member(size, digest.hexdigest())


def write(manifest: Manifest, files: Mapping[str, Path], time: int, tell: Tell) -> Iterator[bytes]:
    """The bytes of the archive; the whole manifest is in the first part. `time` in Unix seconds. Raises OSError."""
    text = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
    yield _header(MANIFEST, len(text), time) + text + _padding(len(text))
    for name, member in manifest.files.items():
        yield _header(name, member.bytes, time)
        with files[name].open("rb") as file:
            while part := file.read(_CHUNK):
                yield part
                tell(name, file.tell(), member.bytes)
        yield _padding(member.bytes)
    yield bytes(2 * _BLOCK)


def _header(name: str, size: int, time: int) -> bytes:
    import tarfile

    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, time, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


class ArchiveReader:
    """Reads an archive as it comes: the manifest at once, then each file with `unpack`, in its order, then `end`.

    Raises DamagedError for anything that `write` would not have written.
    """

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._buffer = b""
        size = self._read_header(MANIFEST)
        if size > _MANIFEST_BYTES:
            raise DamagedError(f"its {MANIFEST} is too large")
        text = self._take(size)
        self._take(len(_padding(size)))
        self.manifest = _decode(text)

    def unpack(self, name: str, path: Path, tell: Tell) -> None:
        """Write the next file to `path`, which must not exist. Raises OSError."""
        member = self.manifest.files[name]
        if self._read_header(name) != member.bytes:
            raise DamagedError(f"{name} has another size than its {MANIFEST} says")
        digest, missing = hashlib.sha256(), member.bytes
        with path.open("xb") as file:
            while missing:
                part = self._take(min(missing, _CHUNK))
                digest.update(part)
                file.write(part)
                missing -= len(part)
                tell(name, member.bytes - missing, member.bytes)
        if digest.hexdigest() != member.sha256:
            raise DamagedError(f"{name} has another checksum than its {MANIFEST} says")
        self._take(len(_padding(member.bytes)))

    def end(self) -> None:
        """Read the end of the archive."""
        rest = self._take(2 * _BLOCK)
        while rest:
            if rest.strip(b"\0"):
                raise DamagedError("more follows its files")
            rest, self._buffer = self._buffer or next(self._parts, b""), b""

    def _read_header(self, name: str) -> int:
        """The size of the next file, which must have that name."""
        import tarfile

        try:
            info = tarfile.TarInfo.frombuf(self._take(_BLOCK), "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise DamagedError(f"{name} is missing") from error
        if info.name != name or info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.size < 0:
            raise DamagedError(f"it has {ascii(info.name)[:100]} in place of the file {name}")
        return int(info.size)

    def _take(self, size: int) -> bytes:
        """So many bytes, at most a megabyte."""
        pieces, missing = [self._buffer], size - len(self._buffer)
        while missing > 0:
            part = next(self._parts, b"")
            if not part:
                raise DamagedError("its end is missing")
            pieces.append(part)
            missing -= len(part)
        found = b"".join(pieces)
        self._buffer = found[size:]
        return found[:size]


def _decode(text: bytes) -> Manifest:
    try:
        form = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("form", msgspec.Raw(b"0"))
        if bytes(form) != b"%d" % _FORM:
            raise InputError("another version of Prisme made this backup: restore it with that version")
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise DamagedError(f"{MANIFEST}: {error}") from error
    if list(manifest.files) != _MEMBERS or any(member.bytes < 0 for member in manifest.files.values()):
        raise DamagedError(f"{MANIFEST} names other files")
    return manifest


def read_parts(path: Path) -> Iterator[bytes]:
    """The bytes of a file. Raises OSError."""
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            yield part
