"""The first lines of a log, also of one that was truncated while a server wrote, or of a damaged file."""

from pathlib import Path

from prisme.base.errors import InputError
from prisme.imports.files import HEAD_BYTES, open_input


def read_start(path: Path) -> bytes:
    """The first whole lines, decompressed, some `HEAD_BYTES`; empty lines and leading NULs are left out.

    Raises OSError, and InputError where nothing can be decompressed.
    """
    found = bytearray()
    with open_input(path) as file:
        try:
            for line in file.lines():
                if line:
                    found += line + b"\n"
                if len(found) >= HEAD_BYTES:
                    break
        except InputError:
            if not found:
                raise
    return bytes(found)
