"""write(2) for short data that the kernel takes at once."""

import ctypes
import os
from collections.abc import Callable

# `PyDLL` is ctypes' name for keeping Python's lock. `os.write` lets go of it, another thread takes it, and at full load
# the way back takes longer than the write, which only copies some bytes to the kernel.
_write = ctypes.PyDLL(None, use_errno=True).write
_write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_write.restype = ctypes.c_ssize_t
# File, data and its length: the number of bytes that were written, or -1, and then `last_error` says why.
write: Callable[[int, bytes, int], int] = _write


def last_error() -> OSError:
    """Why this thread's last `write` failed."""
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def write_at_once(file: int, data: bytes) -> int:
    """The number of bytes that the open file took; raises OSError as `os.write` does, and holds Python's lock."""
    written = write(file, data, len(data))
    if written < 0:
        raise last_error()
    return written
