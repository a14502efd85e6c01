"""Tables in CSV files, as they come: plain or compressed, in a zip or in a folder, in UTF-8 or UTF-16.

Read as streams: of a file, one row is in memory.
"""

import codecs
import contextlib
import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final, NamedTuple, TextIO, cast

from prisme.base.errors import InputError
from prisme.imports.files import LONGEST_LINE, explaining_damage, open_input
from prisme.imports.reading import Reading

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ZIP: Final = b"PK\x03\x04"
# Of a file in a zip; its name follows, whose length is at 26 (APPNOTE 4.3.7).
_HEADER_BYTES: Final = 30
_ENDINGS: Final = (".csv", ".csv.gz", ".csv.bz2", ".csv.zst", ".zip")
# An export has some ten files for each span of time.
_MOST_MEMBERS: Final = 10_000
# Tables of counts become 5 to 50 times as small. What becomes far smaller is a bomb; small files cannot do harm.
_MOST_RATIO: Final = 400
_SMALL: Final = 64 << 20
_TELL_ROWS: Final = 5_000


class Row(NamedTuple):
    """A row: the number of its last line, from 1 on, and its cells; a blank line has none."""

    number: int
    cells: list[str]


class Table(NamedTuple):
    """A file with rows: `file` is its name for people, `name` that of the file itself, `number` counts tables.

    Read the rows before the next table.
    """

    number: int
    file: str
    name: str
    rows: Iterator[Row]


def open_tables(files: Sequence[Path], reading: Reading) -> Iterator[Table]:
    """The tables in these files, those in archives and folders too. Raises InputError and OSError."""
    done = 0
    number = 0
    for path in _list_files(files):
        for file, name, rows in _open(path, reading, done):
            number += 1
            yield Table(number, file, name, rows)
        done += path.stat().st_size
        reading.tell(done)


def decode_head(head: bytes) -> str:
    """The first bytes of a file as text; `recognise` reads them so."""
    return head.decode(_find_encoding(head), "replace").removeprefix("\ufeff")


def list_names(name: str, head: bytes) -> list[str]:
    """The names of the files in a folder, or at the beginning of a zip as far as these bytes tell; else none."""
    if not head:
        with contextlib.suppress(OSError, ValueError):
            return [each.name for each in Path(name).iterdir()]
    names = []
    at = 0 if head.startswith(ZIP) else -1
    while 0 <= at <= len(head) - _HEADER_BYTES:
        start = at + _HEADER_BYTES
        end = start + int.from_bytes(head[at + 26 : at + 28], "little")
        names.append(head[start:end].decode("utf-8", "replace"))
        at = head.find(ZIP, end)
    return names


def _list_files(files: Sequence[Path]) -> Iterator[Path]:
    for path in files:
        if path.is_dir():
            yield from sorted(each for each in path.iterdir() if each.name.lower().endswith(_ENDINGS))
        else:
            yield path


def _open(path: Path, reading: Reading, done: int) -> Iterator[tuple[str, str, Iterator[Row]]]:
    with path.open("rb") as file:
        is_zip = file.read(4) in (ZIP, b"PK\x05\x06")
        if is_zip:
            yield from _open_members(path, file, reading, done)
    if not is_zip:
        with open_input(path) as found:
            with _explaining(path.name):
                text = _decode(found.stream)
            yield path.name, path.name, _read(path.name, text, reading, lambda: done + found.done)


def _open_members(path: Path, file: BinaryIO, reading: Reading, done: int) -> Iterator[tuple[str, str, Iterator[Row]]]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(f"{path.name}: the archive is damaged, or cut: {error}") from error
    with archive:
        members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise InputError(f"{path.name}: an archive with more than {_MOST_MEMBERS} files is no export")
        for member in members:
            name = member.filename.rpartition("/")[2]
            if not name.lower().endswith(".csv") or name.startswith("."):
                continue
            full = f"{path.name}/{member.filename}"
            if not 0 <= member.header_offset < path.stat().st_size:
                raise InputError(f"{full}: the archive is damaged: it says that this file is outside of it")
            with _explaining(full), archive.open(member) as stream:
                bounded = cast(BinaryIO, _Bounded(stream, max(member.compress_size * _MOST_RATIO, _SMALL)))
                yield full, name, _read(full, _decode(bounded), reading, lambda: done + file.tell())


def _read(file: str, text: TextIO, reading: Reading, done: Callable[[], int]) -> Iterator[Row]:
    """The rows of a file. Those that are no CSV are refused."""
    reader = csv.reader(_read_lines(text))
    with _explaining(file):
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                reading.tally.rows += 1
                reading.tally.refuse(file, reader.line_num, str(error), "")
                continue
            yield Row(reader.line_num, cells)
            if reader.line_num % _TELL_ROWS == 0:
                reading.tell(done())


def _read_lines(text: TextIO) -> Iterator[str]:
    """The lines, without NULs, which CSV cannot have. Of one that is too long, the rest is dropped."""
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            while (rest := text.readline(LONGEST_LINE)) and rest[-1] not in "\r\n":
                pass
        yield line.replace("\0", "") if "\0" in line else line


def _decode(stream: BinaryIO) -> TextIO:
    buffered = io.BufferedReader(cast(io.RawIOBase, stream))
    head = buffered.peek(4)
    encoding = _find_encoding(head)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        buffered.read(2)
    return io.TextIOWrapper(buffered, "utf-8-sig" if encoding == "utf-8" else encoding, "replace", newline="")


def _find_encoding(head: bytes) -> str:
    """UTF-16 where it says so, or has a NUL beside its first letter; else UTF-8."""
    if head.startswith(codecs.BOM_UTF16_LE) or head[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if head.startswith(codecs.BOM_UTF16_BE) or head[:1] == b"\0" else "utf-8"


class _Bounded(io.RawIOBase):
    """A stream that ends with InputError after so many bytes."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        self._left -= len(data)
        if self._left < 0:
            raise InputError("it unpacks to far more than an export has")
        view[: len(data)] = data
        return len(data)


@contextlib.contextmanager
def _explaining(file: str) -> Iterator[None]:
    """Turn what the decompressors raise into InputError, with the file's name."""
    try:
        with explaining_damage():
            yield
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{file}: the archive is damaged, or encrypted: {error}") from error
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
