"""Opens files as they are found: plain, or compressed with gzip, bzip2 or Zstandard, by what they begin with."""

import bz2
import contextlib
import errno
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from zstandard import ZstdError

from prisme.base.errors import InputError
from prisme.imports.tally import Tally
from prisme.imports.zstandard_stream import ZstandardStream

HEAD_BYTES: Final = 65_536
# Longer lines are no lines of any format: the rest of one is read and dropped.
LONGEST_LINE: Final = 1 << 20
_BUFFER: Final = 1 << 18
_GZIP: Final = b"\x1f\x8b"
_BZIP2: Final = b"BZh"
# Of a frame, and of the 16 kinds of frames to skip, one of which `pzstd` begins with (RFC 8878, 3.1).
_ZSTANDARD: Final = (b"\x28\xb5\x2f\xfd", *(bytes([kind]) + b"\x2a\x4d\x18" for kind in range(0x50, 0x60)))


class Splitter:
    """Makes lines of the pieces in which a file is read. `rest` is a line whose end is missing so far.

    Lines come without their ends, and without the NULs before them: a log that was cut while its server kept its place
    (logrotate's `copytruncate`) begins with as many as were cut. Of a line that is too long, the rest is dropped.
    """

    def __init__(self) -> None:
        self.rest = b""

    def split(self, piece: bytes) -> list[bytes]:
        """The lines that end in this piece."""
        whole = self.rest + piece
        lines = whole.split(b"\n")
        lines[0] = lines[0][:LONGEST_LINE]
        if b"\r" in whole or b"\0" in whole:
            lines = [line.lstrip(b"\0").rstrip(b"\r") for line in lines[:-1]] + [lines[-1].lstrip(b"\0")]
        self.rest = lines.pop()[:LONGEST_LINE]
        return lines


class Input:
    """An open file: `stream` is decompressed; `done` is how many bytes of the file on disk were read."""

    def __init__(self, file: BinaryIO, start: bytes, name: str) -> None:
        self._file = file
        self._name = name
        self._plain = not start.startswith((_GZIP, _BZIP2, *_ZSTANDARD))
        self.stream = _decompress(file, start)

    @property
    def done(self) -> int:
        """Bytes of the file on disk that were read, a little ahead of what `stream` has given."""
        return self._file.tell()

    def lines(self, tally: Tally | None = None) -> Iterator[bytes]:
        """The lines, as `Splitter` makes them; the last one may have no end.

        Of a damaged file, all lines before the damage, which `tally` then refuses as one line; without a tally, raises
        InputError.
        """
        splitter = Splitter()
        count = 0
        if self._plain:
            skip_hole(self._file)
        try:
            with explaining_damage():
                while piece := self._read():
                    lines = splitter.split(piece)
                    count += len(lines)
                    yield from lines
        except InputError as error:
            if tally is None:
                raise
            tally.refuse(self._name, count + 1, str(error), splitter.rest.decode("utf-8", "replace"))
        else:
            if last := splitter.rest.rstrip(b"\r"):
                yield last

    def _read(self) -> bytes:
        # All other ways to read lose what was decompressed before the damage.
        return cast(io.BufferedReader, self.stream).read1(_BUFFER)


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[Input]:
    """Open a file for the time of the block. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        start = file.read(4)
        file.seek(0)
        yield Input(cast(BinaryIO, file), start, path.name)


def read_head(path: Path) -> bytes:
    """The first bytes of a file, decompressed, at most `HEAD_BYTES`; of one that is damaged, those before the damage.

    Raises OSError.
    """
    head = b""
    with open_input(path) as found, contextlib.suppress(InputError), explaining_damage():
        while len(head) < HEAD_BYTES and (piece := cast(io.BufferedReader, found.stream).read1(HEAD_BYTES - len(head))):
            head += piece
    return head


def skip_hole(file: BinaryIO) -> None:
    """Go on to the first byte that is stored, where the system can say which: a hole may be as large as a disk."""
    if (whence := getattr(os, "SEEK_DATA", None)) is None:
        return
    size = os.fstat(file.fileno()).st_size
    try:
        file.seek(file.tell(), whence)
    except OSError as error:
        if error.errno == errno.ENXIO:  # there is nothing but the hole; anything else: the file system cannot say
            file.seek(size)


@contextlib.contextmanager
def explaining_damage() -> Iterator[None]:
    """Turn what the decompressors raise into InputError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, ZstdError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"the compressed file is damaged: {error}") from error


def _decompress(file: BinaryIO, start: bytes) -> BinaryIO:
    if start.startswith(_GZIP):
        return cast(BinaryIO, gzip.open(file, "rb"))
    if start.startswith(_BZIP2):
        return cast(BinaryIO, bz2.open(file, "rb"))
    if start.startswith(_ZSTANDARD):
        return cast(BinaryIO, io.BufferedReader(ZstandardStream(file), _BUFFER))
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, file), _BUFFER))
