"""What every operation has: how it tells its progress, what it is sent and sends, and how it is cancelled."""

from collections.abc import Callable, Iterator

from prisme.runtime.cancellation import Cancellation
from prisme.runtime.local_socket import Progress


class CancelledError(Exception):
    """Whoever asked for the operation does not wait for it any more."""


class Job:
    """One operation under way. It is the same whether a server does it or the command itself."""

    def __init__(
        self,
        cancellation: Cancellation | None = None,
        tell: Callable[[Progress], None] = lambda _: None,
        send: Callable[[bytes], None] = lambda _: None,
        received: Callable[[], Iterator[bytes]] = lambda: iter(()),
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
