"""What DuckDB has to be told about a compressed file, and whether the file was cut: DuckDB reads a cut Zstandard file
as if it were whole.
"""

from pathlib import Path
from typing import Final

from zstandard import ZstdDecompressor, ZstdError

from prisme.base.errors import InputError

_CHUNK: Final = 1 << 18  # bytes


def name_compression(path: Path, start: bytes) -> str:
    """DuckDB's name for the compression of a file that begins with `start`. Raises InputError."""
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    if start == b"\x28\xb5\x2f\xfd":
        _check_zstd(path)
        return "zstd"
    if start.startswith(b"BZh"):
        raise InputError("files of bzip2 are not read here: decompress it")
    return "none"


def _check_zstd(path: Path) -> None:
    """Raise InputError for a file that was cut or damaged."""
    frame = ZstdDecompressor().decompressobj()
    is_begun = False
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                while chunk:
                    frame.decompress(chunk)
                    is_begun, chunk = not frame.eof, frame.unused_data if frame.eof else b""
                    if frame.eof:
                        frame = ZstdDecompressor().decompressobj()
    except ZstdError as error:
        raise InputError(f"the compressed file is damaged: {error}") from error
    if is_begun:
        raise InputError("the compressed file is damaged: it ends too early")
