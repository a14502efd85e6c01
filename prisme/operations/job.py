"""What every operation has: how it tells its progress, what it is sent and sends, and how it is cancelled."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from prisme.runtime.cancellation import Cancellation
from prisme.runtime.local_socket import Progress

_NOBODY: Final[Callable[[Any], None]] = lambda _: None  # noqa: E731
_NOTHING: Final[Callable[[], Iterator[bytes]]] = lambda: iter(())  # noqa: E731


class CancelledError(Exception):
    """Whoever asked for the operation does not wait for it any more."""


class Job:
    """One operation under way. It is the same whether a server does it or the command itself."""

    def __init__(
        self,
        cancellation: Cancellation | None = None,
        tell: Callable[[Progress], None] = _NOBODY,
        send: Callable[[bytes], None] = _NOBODY,
        received: Callable[[], Iterator[bytes]] = _NOTHING,
    ) -> None:
        self.cancellation = cancellation or Cancellation()
        self.send = send
        self.received = received
        self._tell = tell

    def tell(self, what: str, done: int = 0, total: int = 0, unit: str = "rows") -> None:
        """Say how far it is; also a moment to end it. Raises CancelledError."""
        self.check()
        self._tell(Progress(what, done, total, unit))

    def check(self) -> None:
        """Raise CancelledError if nobody waits any more."""
        if self.cancellation.is_cancelled:
            raise CancelledError
