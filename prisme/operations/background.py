"""Runs operations for pages, in threads of their own: a page waits a while, and then shows how far it is."""

import threading
from typing import Any, Final

import msgspec

from prisme.operations.job import CancelledError, Job
from prisme.operations.registry import EXPECTED, Operations
from prisme.runtime.cancellation import Cancellation
from prisme.runtime.local_socket import Progress
from prisme.runtime.priority import renice

# Less than the time for which proxies wait.
_PATIENCE: Final = 20.0  # seconds


class Work:
    """One operation: `result` or `fault` is there once it has ended, `progress` until then."""

    def __init__(self) -> None:
        self.result: Any = None
        self.fault = ""
        self.progress: Progress | None = None
        self._ended = threading.Event()

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self._ended.is_set()

    def run(self, operations: Operations, name: str, arguments: msgspec.Struct, cancellation: Cancellation) -> None:
        """Perform it, in its thread."""
        renice()
        try:
            self.result = operations.perform(name, msgspec.to_builtins(arguments), Job(cancellation, self._note))
        except EXPECTED as error:
            self.fault = str(error)
        except CancelledError:
            self.fault = "the server is stopping"
        except Exception:
            operations.context.log.exception("operation %s failed", name)
            self.fault = "an error of Prisme itself; the server's log has it"
        finally:
            self._ended.set()

    def wait(self, seconds: float) -> None:
        """Until it has ended, or so long."""
        self._ended.wait(seconds)

    def _note(self, progress: Progress) -> None:
        self.progress = progress


class Background:
    """The operations that pages asked for. `latest` has what was begun last for each page, by a name of its choice.

    `cancellation` is that of all, for other work that pages ask for.
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self.cancellation = Cancellation()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._latest: tuple[str, Work] | None = None

    def perform(self, name: str, arguments: msgspec.Struct, page: str = "") -> Work:
        """Begin an operation, and wait for a while; one for a `page` is found there until the next one begins."""
        work = Work()
        thread = threading.Thread(target=work.run, args=(self._operations, name, arguments, self.cancellation))
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
            if page:
                self._latest = page, work
            thread.start()
        work.wait(_PATIENCE)
        return work

    def latest(self, page: str) -> Work | None:
        """What was begun for a page, unless another page began something since."""
        latest = self._latest
        return latest[1] if latest is not None and latest[0] == page else None

    def cancel(self) -> None:
        """Cancel all, so that no page waits for them any more."""
        self.cancellation.cancel()

    def close(self) -> None:
        """Cancel all, and wait until they have ended: not in the event loop's thread."""
        self.cancel()
        for thread in self._threads:
            thread.join()
