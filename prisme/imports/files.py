"""Opens files as they are found: plain, or compressed with gzip, bzip2 or Zstandard, by what they begin with."""

import bz2
import contextlib
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from zstandard import ZstdDecompressor

from prisme.base.errors import InputError

HEAD_BYTES: Final = 65_536
# Longer lines are no lines of any format: the rest of one is read and dropped.
LONGEST_LINE: Final = 1 << 20
_BUFFER: Final = 1 << 18


class Input:
    """An open file: `stream` is decompressed; `done` is how many bytes of the file on disk were read."""

    def __init__(self, file: BinaryIO, stream: BinaryIO) -> None:
        self._file = file
        self.stream = stream

    @property
    def done(self) -> int:
        """Bytes of the file on disk that were read, a little ahead of what `stream` has given."""
        return self._file.tell()

    def lines(self) -> Iterator[bytes]:
        """The lines, without their ends. A line that is too long comes cut. Raises InputError for damaged files."""
        readline = self.stream.readline
        with explaining_damage():
            while line := readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    while (rest := readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                        pass
                yield line.rstrip(b"\r\n")


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[Input]:
    """Open a file for the time of the block. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        start = file.read(4)
        file.seek(0)
        raw = cast(BinaryIO, file)
        yield Input(raw, _decompress(raw, start))


def read_head(path: Path) -> bytes:
    """The first bytes of a file, decompressed, at most `HEAD_BYTES`. Raises OSError and InputError."""
    with open_input(path) as found, explaining_damage():
        return found.stream.read(HEAD_BYTES)


@contextlib.contextmanager
def explaining_damage() -> Iterator[None]:
    """Turn what the decompressors raise into InputError."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"the compressed file is damaged: {error}") from error


def _decompress(file: BinaryIO, start: bytes) -> BinaryIO:
    if start.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(file, "rb"))
    if start.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(file, "rb"))
    if start == b"\x28\xb5\x2f\xfd":
        reader = ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, reader), _BUFFER))
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, file), _BUFFER))
