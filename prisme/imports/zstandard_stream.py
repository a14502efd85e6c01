"""Decompresses Zstandard, frame by frame: unlike the reader of its package, it notices where a file is cut."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from zstandard import ZstdDecompressor

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Four bytes can be a block of 128 KiB: at worst 8 MiB come at once, and are copied once.
_PIECE: Final = 256
_BUFFER: Final = 1 << 16


class ZstandardStream(io.RawIOBase):
    """The content of a compressed file. Reading raises EOFError where it is cut, and ZstdError where it is damaged."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = io.BufferedReader(cast(io.RawIOBase, file), _BUFFER)
        self._decompressor = ZstdDecompressor()
        self._frame = self._decompressor.decompressobj()
        self._begun = False
        self._compressed = b""
        self._content = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as there is content; 0 is the end."""
        while not self._content:
            piece = self._compressed or self._file.read(_PIECE)
            if not piece:
                if self._begun:
                    raise EOFError("it ends within a frame")
                return 0
            self._decompress(piece)
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._content))
        view[:count] = self._content[:count]
        self._content = self._content[count:]
        return count

    def _decompress(self, piece: bytes) -> None:
        self._content = memoryview(self._frame.decompress(piece))
        self._begun, self._compressed = True, b""
        if self._frame.eof:
            self._begun, self._compressed = False, self._frame.unused_data
            self._frame = self._decompressor.decompressobj()
