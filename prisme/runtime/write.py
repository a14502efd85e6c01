"""write(2) for small amounts of data, without releasing the GIL."""

import ctypes
import os
from collections.abc import Callable

# Functions of `PyDLL` keep the GIL. `os.write` releases it, and at full load getting it back from another thread takes
# longer than the write itself, which only copies some bytes to the kernel.
_write = ctypes.PyDLL(None, use_errno=True).write
_write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_write.restype = ctypes.c_ssize_t
# Takes a file descriptor, data and its length; returns the number of bytes written, or -1 and sets `last_error`.
write: Callable[[int, bytes, int], int] = _write


def last_error() -> OSError:
    """The error of this thread's last failed `write`."""
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def write_with_gil(file: int, data: bytes) -> int:
    """Write to a file descriptor; returns the number of bytes written. Raises OSError, as `os.write` does."""
    written = write(file, data, len(data))
    if written < 0:
        raise last_error()
    return written
