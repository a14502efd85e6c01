"""Lines for a reader who may be slow, from any thread: none waits for it. Beyond a limit, lines are dropped."""

import threading
import time
from collections.abc import Callable

from prisme.runtime.logfile import BACKLOG, PAUSE, open_log_file

# Bytes that are written at once: as many as a pipe holds.
_PIECE = 1 << 16
# Seconds without progress after which a flush gives up, so that a process whose log nobody reads can end.
_PATIENCE = 2.0


class LogStream:
    """An open file or standard stream. `tell` makes the line that says how many lines were dropped."""

    def __init__(self, path: str, tell: Callable[[int], bytes]) -> None:
        self._file = open_log_file(path)
        self._tell = tell
        self._lock = threading.Lock()
        # What the reader has not taken yet, and how many lines were dropped after it.
        self._late = bytearray()
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def write(self, line: bytes) -> None:
        """Write a line with its line feed, now or when the reader has taken those before. It never waits."""
        with self._lock:
            # Where nothing waits, a line is written whatever its size: none would be told of it later.
            if self._late and (self._dropped or len(self._late) + len(line) > BACKLOG):
                self._dropped += 1
                return
            self._late += line
            if self._thread is None and not self._catch_up():
                self._thread = threading.Thread(target=self._drain, name="log", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Wait until all is written, as long as the reader goes on reading."""
        waiting, patient_until = -1, 0.0
        while (late := self._count_late()) and (late != waiting or time.monotonic() < patient_until):
            if late != waiting:
                waiting, patient_until = late, time.monotonic() + _PATIENCE
            time.sleep(PAUSE)

    def _count_late(self) -> int:
        with self._lock:
            self._catch_up()
            return len(self._late)

    def _drain(self) -> None:
        """In a thread of its own, until the reader has taken all."""
        while True:
            time.sleep(PAUSE)
            with self._lock:
                if self._catch_up():
                    self._thread = None
                    return

    def _catch_up(self) -> bool:
        """Write what the reader takes now; whether that was all."""
        try:
            while self._late:
                del self._late[: self._file.write(bytes(self._late[:_PIECE]))]
                if not self._late and self._dropped:
                    self._late += self._tell(self._dropped)
                    self._dropped = 0
        except BlockingIOError:
            return False
        except OSError:  # a full disk, or a reader that is gone: nobody could be told
            self._late.clear()
        return True
