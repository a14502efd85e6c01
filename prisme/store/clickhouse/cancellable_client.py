"""A client whose requests need not be waited for: a sum over a large table takes minutes, and nothing interrupts it."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from prisme.runtime.cancellation import Cancellation
from prisme.runtime.config import Config
from prisme.store.clickhouse.client import Client, make_access
from prisme.store.errors import StoppedError

_Result = TypeVar("_Result")


class CancellableClient(Client):
    """Raises StoppedError once a cancellation comes: the request under way may be carried out or not."""

    def __init__(self, config: Config, timeout: float, cancellation: Cancellation) -> None:
        super().__init__(make_access(config, timeout))
        self._cancellation = cancellation

    def _ask(self, request: Callable[[Any], _Result]) -> _Result:
        results: list[_Result] = []
        errors: list[Exception] = []
        ended = threading.Event()

        def run() -> None:
            try:
                results.append(super(CancellableClient, self)._ask(request))
            except Exception as error:
                errors.append(error)
            ended.set()

        stop = ended.set
        self._cancellation.attach(stop)
        try:
            threading.Thread(target=run, name="clickhouse", daemon=True).start()
            ended.wait()
        finally:
            self._cancellation.detach(stop)
        if results:
            return results[0]
        raise errors[0] if errors else StoppedError
